package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestClientHost(t *testing.T) {
	listening := &net.TCPAddr{IP: net.IPv4zero, Port: 5000}
	for addr, want := range map[string]string{
		"localhost:5000":   "localhost:5000",
		"localhost:0":      "localhost:5000",
		"127.0.0.1:5000":   "localhost:5000",
		"[::1]:5000":       "localhost:5000",
		":5000":            "localhost:5000",
		"0.0.0.0:5000":     "localhost:5000",
		"[::]:5000":        "localhost:5000",
		"192.0.2.7:5000":   "192.0.2.7:5000",
		"127.0.0.2:5000":   "127.0.0.2:5000",
		"[2001:db8::7]:0":  "[2001:db8::7]:5000",
		"registry.lan:443": "registry.lan:5000",
	} {
		if got := clientHost(addr, listening); got != want {
			t.Errorf("clientHost(%q) = %q, want %q", addr, got, want)
		}
	}
}

// TestRequestsFinish ends the server in the middle of a request and expects the answer nevertheless.
func TestRequestsFinish(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	begun := make(chan struct{})
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		_, _ = io.Copy(w, r.Body)
	})
	ended := make(chan error, 1)
	go func() { ended <- serveHTTP(ctx, listener, echo, func() error { return nil }) }()

	body, layer := io.Pipe()
	answer := make(chan string, 1)
	go func() {
		response, err := http.Post("http://"+listener.Addr().String(), "application/octet-stream", body)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer response.Body.Close()
		content, err := io.ReadAll(response.Body)
		answer <- string(content) + errorText(err)
	}()
	<-begun
	stop()
	waitUntilClosed(t, listener.Addr().String())
	if _, err := io.WriteString(layer, "the rest"); err != nil {
		t.Fatal(err)
	}
	layer.Close()
	if got := <-answer; got != "the rest" {
		t.Errorf("the answer is %q", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("the server says %v", err)
	}
}

func errorText(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

// waitUntilClosed waits until nobody listens any more.
func waitUntilClosed(t *testing.T, addr string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Fatal("the server goes on listening")
}

func TestStartFails(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	err = serveHTTP(t.Context(), listener, http.NotFoundHandler(), func() error { return errors.New("no hello") })
	if err == nil || !strings.Contains(err.Error(), "no hello") {
		t.Errorf("got %v", err)
	}
}

func TestOptions(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want options
	}{
		"none":          {nil, options{addr: "localhost:5000"}},
		"an address":    {[]string{"-addr", ":8080"}, options{addr: ":8080"}},
		"a folder":      {[]string{"-data", "images"}, options{addr: "localhost:5000", data: "images"}},
		"another style": {[]string{"--addr=a:1", "--data=b"}, options{addr: "a:1", data: "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			got, err := parseOptions(test.args, &stdout, &stderr)
			if err != nil || got != test.want || stdout.Len()+stderr.Len() > 0 {
				t.Errorf("got %+v, %v, printed %q and %q", got, err, &stdout, &stderr)
			}
		})
	}
}
