package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/throttle"
	"github.com/berthpass/registry-auth/examples/internal/testkit"
)

// dial connects to the server, without any HTTP.
func dial(t *testing.T, rawURL string) net.Conn {
	t.Helper()
	at := testkit.Must(url.Parse(rawURL))(t)
	connection := testkit.Must((&net.Dialer{Timeout: testkit.Patience}).DialContext(t.Context(), "tcp", at.Host))(t)
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

func send(t *testing.T, connection net.Conn, text string) {
	t.Helper()
	testkit.Must(connection.Write([]byte(text)))(t)
}

// TestClientDisappears at any moment, and leaves nothing behind.
func TestClientDisappears(t *testing.T) {
	t.Parallel()
	get := "GET /token?service=" + serviceName + "&scope=repository:public/app:pull HTTP/1.1\r\nHost: x\r\n\r\n"
	post := "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 500\r\n\r\ngrant_type=password"
	for name, test := range map[string]struct {
		sent    string
		reset   bool // and not closed in order
		audited int  // how many records there are in the end
	}{
		"before it says anything":             {"", false, 0},
		"in the middle of the header":         {get[:40], false, 0},
		"in the middle of the body":           {post, false, 1},
		"in the middle of the body, by reset": {post, true, 1},
		"before it reads the answer":          {get, false, 1},
		"before it reads many answers":        {strings.Repeat(get, 50), true, -1}, // as many as it gets to
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, newUsers(t), policy())
			connection := dial(t, f.url)
			send(t, connection, test.sent)
			if test.audited == 1 && !strings.HasSuffix(test.sent, "password") { // or it may be gone before it is read
				testkit.Eventually(t, "the request is audited", func() bool { return f.audit.len() == 1 })
			}
			if tcp, ok := connection.(*net.TCPConn); ok && test.reset {
				testkit.Check(t, tcp.SetLinger(0))
			}
			testkit.Check(t, connection.Close())
			if test.audited > 0 {
				testkit.Eventually(t, "the request is audited", func() bool { return f.audit.len() == test.audited })
			}
			f.get(alice, "repository:alice/app:pull").want(http.StatusOK, "")
			if strings.Contains(f.log.String(), "panic") {
				t.Errorf("the log says %s", f.log)
			}
		})
	}
}

// waitingUsers wait, each check until the client is gone or released says that it may go on.
type waitingUsers struct {
	*password.Users

	entered chan context.Context
	release chan struct{}
}

func (u *waitingUsers) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	u.entered <- ctx
	select {
	case <-u.release:
		return u.Users.Authenticate(ctx, r)
	case <-ctx.Done():
		return authn.Subject{}, ctx.Err()
	}
}

// TestClientDisappearsDuringItsCheck: the check ends with it, it is no failed login, and another
// client who waits for the same check is not sent away.
func TestClientDisappearsDuringItsCheck(t *testing.T) {
	t.Parallel()
	users := &waitingUsers{
		Users: newUsers(t), entered: make(chan context.Context), release: make(chan struct{}),
	}
	f := newFixture(t, users, policy())

	leaving, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		response, err := http.DefaultClient.Do(newGet(leaving, t, f.url, alice))
		if err == nil {
			_ = response.Body.Close()
		}
		gone <- err
	}()
	check := <-users.entered
	var group sync.WaitGroup
	group.Go(func() {
		if a := f.get(alice, "repository:alice/app:pull"); a.status != http.StatusOK {
			t.Errorf("who stayed reads %d %s", a.status, a.code())
		}
	})
	leave()
	if err := <-gone; err == nil {
		t.Error("who left was answered")
	}
	<-check.Done()
	<-users.entered // for the one who stayed
	close(users.release)
	group.Wait()
	testkit.Eventually(t, "both are audited", func() bool { return f.audit.len() == 2 })
	for _, record := range f.audit.records {
		if record.Status != http.StatusOK && record.Status != http.StatusServiceUnavailable {
			t.Errorf("audited: %v", record.LogValue())
		}
	}
}

// TestManyClientsDisappear: no goroutine is left of them.
func TestManyClientsDisappear(t *testing.T) {
	// Not parallel: it counts goroutines.
	const clients = 80 // fewer than an address may have wrong
	users := &waitingUsers{
		Users:   newUsers(t),
		entered: make(chan context.Context, clients),
		release: make(chan struct{}),
	}
	f := newFixture(t, users, policy(), func(cfg *auth.Config) {
		cfg.Authenticator = throttle.New(users, throttle.Config{
			RefusalDelay: -1, ChecksPerNetwork: clients,
		})
	})
	before := runtime.NumGoroutine()
	connections := make([]net.Conn, clients)
	for i := range connections {
		connections[i] = dial(t, f.url)
		r := newGet(t.Context(), t, f.url, fmt.Sprintf("user%d:guess", i))
		send(t, connections[i], fmt.Sprintf("GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n", r.URL.RequestURI(), r.Header.Get("Authorization")))
	}
	for range clients {
		<-users.entered
	}
	for _, connection := range connections {
		_ = connection.Close()
	}
	testkit.Eventually(t, "all are audited", func() bool { return f.audit.len() == clients })
	testkit.Eventually(t, "the goroutines end", func() bool { return runtime.NumGoroutine() <= before })
	close(users.release)
	users.entered = make(chan context.Context, 1)
	f.get(alice, "repository:alice/app:pull").want(http.StatusOK, "")
}

// closedAfter returns what the server says, and how long it takes to close a connection on which
// the client has said something.
func closedAfter(t *testing.T, connection net.Conn) (said string, after time.Duration) {
	t.Helper()
	begun := time.Now()
	testkit.Check(t, connection.SetReadDeadline(begun.Add(testkit.Patience)))
	var text strings.Builder
	buffer := make([]byte, 4096)
	for {
		n, err := connection.Read(buffer)
		text.Write(buffer[:n])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("not closed after %v", testkit.Patience)
		}
		if err != nil {
			return text.String(), time.Since(begun)
		}
	}
}
