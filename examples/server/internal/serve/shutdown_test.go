package serve

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const question = "GET /healthz HTTP/1.1\r\nHost: registry\r\n\r\n"

// run lets the server listen until the end of the test, and returns its address.
func (f *fixture) run() string {
	f.t.Helper()
	ended := make(chan error)
	go func() { ended <- f.Run(f.t.Context(), nil) }()
	f.t.Cleanup(func() { // when the context has ended
		if err := <-ended; err != nil {
			f.t.Error(err)
		}
	})
	f.log.wait("msg=listening")
	_, after, _ := strings.Cut(f.log.String(), "msg=listening addr=")
	addr, _, _ := strings.Cut(after, " ")
	return addr
}

func connect(t *testing.T, addr string) net.Conn {
	t.Helper()
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// exchange sends a request and reads its answer, for as long as patience lasts. Last says that the
// connection is closed after it.
func exchange(connection net.Conn, patience time.Duration) (status int, last bool, err error) {
	if _, err := io.WriteString(connection, question); err != nil {
		return 0, false, err
	}
	if err := connection.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, false, err
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		return 0, false, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.Close, err
}

// TestShutdownDelay: the server is not ready at once, and goes on answering for as long as it is
// told to, to each client for the last time.
func TestShutdownDelay(t *testing.T) {
	f := newFixture(t, strings.Replace(base, "server:\n", "server:\n  shutdown_delay: 7s\n", 1))
	for _, stopping := range []bool{false, true} {
		f.stopping.Store(stopping)
		w := f.get(devs, asAlice)
		if last := w.Header().Get("Connection") == "close"; w.Code != http.StatusOK || last != stopping {
			t.Errorf("stopping is %t: status %d, the last answer: %t", stopping, w.Code, last)
		}
		if ready := f.get("/readyz").Code == http.StatusOK; ready == stopping {
			t.Errorf("stopping is %t: ready is %t", stopping, ready)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		if err := f.linger(nil); err != nil || time.Since(started) != 7*time.Second {
			t.Errorf("%v, %v", time.Since(started), err)
		}
		broken, ended := errors.New("broken"), make(chan error, 1)
		ended <- broken
		if err := f.linger(ended); !errors.Is(err, broken) {
			t.Errorf("a server that ended: %v", err)
		}
	})
}
