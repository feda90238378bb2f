package serve

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// connections keeps one client, or clients that leave their connections open, from using up those of an address. One client may
// have a quarter of them. When more than three quarters are open, of all or of a client's share, a connection ends with its next
// answer: the rest is for those who come, and who have five seconds to ask.
type connections struct {
	server *Server
	limit  int
	share  int // of one client

	mu     sync.Mutex
	open   map[net.Conn]netip.Prefix // with the client
	openBy map[netip.Prefix]int
}

func (s *Server) newConnections() *connections {
	limit := s.start.Server.MaxConnections
	return &connections{server: s, limit: limit, share: max(limit/4, 1), open: make(map[net.Conn]netip.Prefix), openBy: make(map[netip.Prefix]int)}
}

// state is called when a connection is opened or closed, among others. One too many of a client is closed at once.
func (c *connections) state(connection net.Conn, state http.ConnState) {
	c.server.metrics.connection(state)
	switch state {
	case http.StateNew:
		if !c.add(connection, c.server.clientOf(connection.RemoteAddr().String())) {
			c.server.metrics.refused.Inc()
			_ = connection.Close()
		}
	case http.StateClosed, http.StateHijacked:
		c.remove(connection)
	}
}

// add reports whether the client may have one more.
func (c *connections) add(connection net.Conn, client netip.Prefix) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[connection] = client
	c.openBy[client]++
	return !client.IsValid() || c.openBy[client] <= c.share
}

func (c *connections) remove(connection net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	client := c.open[connection]
	delete(c.open, connection)
	if c.openBy[client]--; c.openBy[client] == 0 {
		delete(c.openBy, client)
	}
}

// handler closes connections after their answer when there are few left.
func (c *connections) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.fewLeft(c.server.clientOf(r.RemoteAddr)) {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

func (c *connections) fewLeft(client netip.Prefix) bool {
	few := func(open, limit int) bool { return open > limit*3/4 }
	c.mu.Lock()
	defer c.mu.Unlock()
	return few(len(c.open), c.limit) || client.IsValid() && few(c.openBy[client], c.share)
}

// clientOf returns the address at the other end, or its network of IPv6, of which a customer has one at least (RFC 6177). It is
// the zero Prefix for those who are not one client: proxies, and whoever is at a Unix socket.
func (s *Server) clientOf(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	address, bits := at.Addr().Unmap().WithZone(""), 64
	if trusted(s.current.Load().cfg.Server.RealIP, address) {
		return netip.Prefix{}
	}
	if address.Is4() {
		bits = 32
	}
	client, _ := address.Prefix(bits) // an address has as many
	return client
}
