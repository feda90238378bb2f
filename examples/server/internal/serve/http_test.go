package serve

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLimits: no client has a connection for as long as it likes, nor a header as long as it likes.
func TestLimits(t *testing.T) {
	server := newFixture(t, base).httpServer(http.NotFoundHandler(), nil)
	for name, is := range map[string]bool{
		"ReadHeaderTimeout": server.ReadHeaderTimeout == 5*time.Second,
		"ReadTimeout":       server.ReadTimeout == 10*time.Second,
		"WriteTimeout":      server.WriteTimeout == 15*time.Second,
		"IdleTimeout":       server.IdleTimeout == time.Minute,
		"MaxHeaderBytes":    server.MaxHeaderBytes == 32<<10,
		"HTTP2":             server.HTTP2 != nil && server.HTTP2.MaxConcurrentStreams == 100,
	} {
		if !is {
			t.Errorf("%s is another one: %+v", name, server)
		}
	}
}

// oneConnection is a listener with one connection.
type oneConnection chan net.Conn

func (l oneConnection) Accept() (net.Conn, error) {
	connection, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return connection, nil
}

func (l oneConnection) Close() error { return nil }

func (l oneConnection) Addr() net.Addr { return &net.UnixAddr{} }

// TestSlowHeader: a connection whose header does not come is closed.
func TestSlowHeader(t *testing.T) {
	f := newFixture(t, base)
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		listener := make(oneConnection, 1)
		listener <- server
		ended := make(chan error)
		go func() { ended <- f.httpServer(f, nil).Serve(listener) }()
		started := time.Now()
		if _, err := io.WriteString(client, "GET /healthz HTTP/1.1\r\nHost: loc"); err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(client) // until it is closed
		if waited := time.Since(started); waited != 5*time.Second {
			t.Errorf("closed after %v", waited)
		}
		close(listener)
		<-ended
	})
}

// TestSlowProgram: a request that waits for a program outlives the timeouts that other requests
// have.
func TestSlowProgram(t *testing.T) {
	f := newFixture(t, base+"ext_authz: {command: \"@DIR@/slow.sh\"}\n", withSlowProgram)
	server := f.httpServer(f, nil)
	server.ReadTimeout, server.WriteTimeout = time.Millisecond,
		time.Millisecond // less than it takes to start a program
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = serveOn(server, listener) }()
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		if _, err := os.ReadFile(f.folder + "/asked"); err == nil { // until the program runs
			f.file("answer", "")
		}
	}()
	r, err := http.NewRequestWithContext(
		t.Context(),
		http.MethodGet,
		"http://"+listener.Addr().String()+"/auth/auth?service=registry.test&scope=repository:slow:pull",
		nil,
	)
	if err != nil {
		t.Fatal(err)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if body, err := io.ReadAll(w.Body); w.StatusCode != http.StatusOK || err != nil {
		t.Errorf("status %d, %v: %s", w.StatusCode, err, body)
	}
}

// TestRequestTimeout: the programs may take the time that the configuration gives them.
func TestRequestTimeout(t *testing.T) {
	for settings, want := range map[string]time.Duration{
		"":                                       10 * time.Second,
		"ext_auth: {command: sh, timeout: 1s}\n": 10 * time.Second,
		"ext_auth: {command: sh, timeout: 30s}\n":  35 * time.Second,
		"ext_authz: {command: sh, timeout: 20s}\n": 25 * time.Second,
		"ext_auth: {command: sh, timeout: 1m}\n" +
			"ext_authz: {command: sh, timeout: 1m}\n": 125 * time.Second,
	} {
		f := newFixture(t, base+settings)
		if got := f.current.Load().settings.Timeout; got != want {
			t.Errorf("%q: %v, want %v", settings, got, want)
		}
	}
}

// TestErrorLog: what package net/http has to tell is in the log, and handshakes that came to
// nothing are not.
func TestErrorLog(t *testing.T) {
	f := newFixture(t, base)
	server := f.httpServer(http.NotFoundHandler(), nil)
	server.ErrorLog.Printf("http: TLS handshake error from %s: EOF", "192.0.2.1:1")
	if text := f.log.String(); text != "" {
		t.Errorf("logged %s", text)
	}
	server.ErrorLog.Printf("http: Accept error: %s; retrying", "too many open files")
	server.ErrorLog.Printf("http: panic serving %s: TLS handshake error", "192.0.2.1:1")
	for _, want := range []string{`level=WARN msg="http server" error="http: Accept error: too many ` +
		`open files; retrying"`, "panic serving"} {
		if !strings.Contains(f.log.String(), want) {
			t.Errorf("%s is not in the log:\n%s", want, f.log)
		}
	}
}

// TestStartWarnings are in the log before the server answers.
func TestStartWarnings(t *testing.T) {
	f := newFixture(t, strings.Replace(base, "  services: [\"registry.test\"]\n", "", 1))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- f.Run(ctx, nil) }()
	f.log.wait("msg=listening")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for scanner := bufio.NewScanner(strings.NewReader(f.log.String())); scanner.Scan(); {
		line := scanner.Text()
		if strings.Contains(line, "msg=listening") {
			break
		}
		if strings.Contains(line, "level=WARN") && strings.Contains(line, "without token.services") &&
			strings.Contains(line, "config.yml:4") {
			return
		}
	}
	t.Errorf("there is no warning before the server listens:\n%s", f.log)
}
