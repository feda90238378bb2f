package serve

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// asking connects and sends half a request, on which the server waits for five seconds.
func asking(t *testing.T, addr, from string) net.Conn {
	t.Helper()
	connection := connectFrom(t, addr, from)
	if _, err := io.WriteString(connection, question[:10]); err != nil {
		t.Fatal(err)
	}
	return connection
}

func connectFrom(t *testing.T, addr, from string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	connection, err := dialer.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Skipf("this system has one loopback address: %v", err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// TestMaxConnections: one more than are allowed waits until another is closed, and is then
// answered.
func TestMaxConnections(t *testing.T) {
	f := newFixture(t, strings.Replace(base, "server:\n", "server:\n  max_connections: 1\n", 1))
	addr := f.run()
	first := asking(t, addr, "127.0.0.1")
	second := connect(t, addr)
	if _, _, err := exchange(second, 200*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a second connection: %v", err)
	}
	if metrics := f.metricsText(); !strings.Contains(metrics, "\nregistry_auth_connections 1\n") {
		t.Error("the metrics do not count the connection")
	}
	_ = first.Close()
	if status, _, err := exchange(second, time.Minute); err != nil || status != http.StatusOK {
		t.Errorf("after the first is closed: %v", err)
	}
}

// TestIdleConnections do not keep anybody waiting for the minute that they may last.
func TestIdleConnections(t *testing.T) {
	f := newFixture(t, strings.Replace(base, "server:\n", "server:\n  max_connections: 4\n", 1))
	addr := f.run()
	for i, wantLast := range []bool{false, false, false, true, true, true} {
		status, last, err := exchange(connect(t, addr), 10*time.Second)
		if err != nil || status != http.StatusOK || last != wantLast {
			t.Errorf("connection %d: status %d, the last answer: %t, %v", i+1, status, last, err)
		}
	}
}

// TestOneClient has its share, and nobody else has less for it: neither another one nor a proxy,
// which has as many as it opens.
func TestOneClient(t *testing.T) {
	const own, other, proxy = "127.0.0.1", "127.0.0.2", "127.0.0.3"
	f := newFixture(
		t,
		strings.Replace(
			base,
			"server:\n",
			"server:\n  max_connections: 12\n  real_ip_header: X-Real-Ip\n  trusted_proxies: [127.0.0.3]\n",
			1,
		),
	)
	addr := f.run()
	var held []net.Conn
	for range 3 {
		held = append(held, asking(t, addr, own))
	}
	if _, _, err := exchange(connectFrom(t, addr, own), 10*time.Second); err == nil ||
		errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("one too many: %v", err)
	}
	if !strings.Contains(f.metricsText(), "\nregistry_auth_connections_refused_total 1\n") {
		t.Error("the metrics do not count it")
	}
	for i, from := range []string{other, proxy, proxy, proxy, proxy} {
		if status, last, err := exchange(connectFrom(t, addr, from), 10*time.Second); err != nil ||
			status != http.StatusOK ||
			last {
			t.Errorf(
				"connection %d, from %s: status %d, the last answer: %t, %v",
				i+1,
				from,
				status,
				last,
				err,
			)
		}
	}
	for _, connection := range held {
		_ = connection.Close()
	}
	var err error
	// Until the server has noticed.
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if _, _, err = exchange(connectFrom(t, addr, own), time.Second); err == nil {
			return
		}
	}
	t.Errorf("after they are closed: %v", err)
}

// TestShareIsNotUsedUp by idle connections: the last of it are closed after the answer, for the
// next.
func TestShareIsNotUsedUp(t *testing.T) {
	f := newFixture(
		t,
		strings.Replace(
			base,
			"server:\n",
			"server:\n  max_connections: 16\n  real_ip_header: X-Real-Ip\n  trusted_proxies: []\n",
			1,
		),
	)
	addr := f.run()
	for i, wantLast := range []bool{false, false, false, true} {
		status, last, err := exchange(connect(t, addr), 10*time.Second)
		if err != nil || status != http.StatusOK || last != wantLast {
			t.Errorf("connection %d: status %d, the last answer: %t, %v", i+1, status, last, err)
		}
	}
}

// from is a connection from an address.
type from struct {
	net.Conn

	address string
	closed  bool
}

func (f *from) Close() error {
	f.closed = true
	return nil
}

func (f *from) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(f.address))
}

func TestConnectionsAreCounted(t *testing.T) {
	f := newFixture(t, strings.Replace(base, "server:\n", "server:\n  max_connections: 12\n", 1))
	c := f.newConnections()
	var open []net.Conn
	connect := func(address string) (refused bool) {
		connection := &from{address: address}
		c.begin(t.Context(), connection)
		c.state(connection, http.StateNew)
		open = append(open, connection)
		return connection.closed
	}
	closeFirst := func() {
		c.state(open[0], http.StateClosed)
		open = open[1:]
	}
	for i, step := range []struct {
		address string // or one is closed
		refused bool
	}{
		{"192.0.2.1:1", false},
		{"192.0.2.1:2", false},
		{"192.0.2.1:3", false},
		{"192.0.2.1:4", true}, // and counted until it is closed
		{"192.0.2.2:1", false},
		{"[2001:db8::1]:1", false},
		{"", false},
		{"192.0.2.1:5", true}, // three are open
		{"", false},
		{"", false},
		{"", false},
		{"192.0.2.1:6", false},
	} {
		if step.address == "" {
			closeFirst()
		} else if refused := connect(step.address); refused != step.refused {
			t.Errorf("step %d, from %s: refused: %t", i, step.address, refused)
		}
	}
	for len(open) > 0 {
		closeFirst()
	}
	if c.open.Load() != 0 || len(c.of) != 0 || len(c.clients) != 0 {
		t.Errorf(
			"all are closed, and %d are counted, with %d places and %d clients",
			c.open.Load(),
			len(c.of),
			len(c.clients),
		)
	}
}

func TestClientOf(t *testing.T) {
	f := newFixture(
		t,
		strings.Replace(
			base,
			"server:\n",
			"server:\n  real_ip_header: X-Real-Ip\n  trusted_proxies: [192.0.2.1, \"2001:db8::1\"]\n",
			1,
		),
	)
	for remote, want := range map[string]string{
		"192.0.2.2:1":          "192.0.2.2/32",
		"[::ffff:192.0.2.2]:1": "192.0.2.2/32",
		"[2001:db8::2]:1":      "2001:db8::/64",
		"[2001:db8:0:1::2]:1":  "2001:db8:0:1::/64",
		"[fe80::1%eth0]:1":     "fe80::/64",
		"192.0.2.1:1":          "invalid Prefix",
		"[2001:db8::1]:1":      "invalid Prefix",
		"@":                    "invalid Prefix",
	} {
		if got := f.clientOf(remote).String(); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}
