package serve

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
)

// connections keeps one client, or clients that leave their connections open, from using up those
// of an address. One client may have a quarter of them. If more than three quarters are open, of
// all or of a client's share, a connection ends with its next answer: the rest is for new ones,
// which have five seconds to send a request.
type connections struct {
	server *Server
	limit  int64
	share  int64 // of one client
	open   atomic.Int64

	mu      sync.Mutex // held when a connection is opened or closed, and not by requests
	of      map[net.Conn]*client
	clients map[netip.Prefix]*client
}

// A client may have a share of the connections. All peers that are no single client count as one.
type client struct {
	network netip.Prefix
	open    atomic.Int64
}

func (s *Server) newConnections() *connections {
	limit := int64(s.listens.MaxConnections)
	return &connections{
		server:  s,
		limit:   limit,
		share:   max(limit/4, 1),
		of:      make(map[net.Conn]*client),
		clients: make(map[netip.Prefix]*client),
	}
}

type clientKey struct{}

// begin is called when a connection is accepted, and gives its requests the client.
func (c *connections) begin(ctx context.Context, connection net.Conn) context.Context {
	return context.WithValue(
		ctx,
		clientKey{},
		c.add(connection, c.server.clientOf(connection.RemoteAddr().String())),
	)
}

// state is called when a connection is opened, after begin, or closed. One too many of a client is
// closed at once.
func (c *connections) state(connection net.Conn, state http.ConnState) {
	c.server.metrics.connection(state)
	switch state {
	case http.StateNew:
		if c.tooMany(connection) {
			c.server.metrics.refused.Inc()
			_ = connection.Close()
		}
	case http.StateClosed, http.StateHijacked:
		c.remove(connection)
	}
}

func (c *connections) add(connection net.Conn, network netip.Prefix) *client {
	c.mu.Lock()
	defer c.mu.Unlock()
	by := c.clients[network]
	if by == nil {
		by = &client{network: network}
		c.clients[network] = by
	}
	c.of[connection] = by
	by.open.Add(1)
	c.open.Add(1)
	return by
}

func (c *connections) tooMany(connection net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	by, counted := c.of[connection]
	return counted && by.network.IsValid() && by.open.Load() > c.share
}

func (c *connections) remove(connection net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	by, counted := c.of[connection]
	if !counted { // never, as begin comes first; and a panic here would end the program
		return
	}
	delete(c.of, connection)
	c.open.Add(-1)
	if by.open.Add(-1) == 0 {
		delete(c.clients, by.network)
	}
}

// handler closes connections after their answer when there are few left.
func (c *connections) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if by, _ := r.Context().Value(clientKey{}).(*client); by != nil && c.fewLeft(by) {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

func (c *connections) fewLeft(by *client) bool {
	few := func(open, limit int64) bool { return open > limit*3/4 }
	return few(c.open.Load(), c.limit) || by.network.IsValid() && few(by.open.Load(), c.share)
}

// clientOf returns the address at the other end, or its IPv6 /64, of which a customer has at least
// one (RFC 6177). It is the zero Prefix for proxies and at a Unix socket, which are many clients.
func (s *Server) clientOf(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	address, bits := at.Addr().Unmap().WithZone(""), 64
	if trusted(s.current.Load().Server.RealIP, address) {
		return netip.Prefix{}
	}
	if address.Is4() {
		bits = 32
	}
	client, _ := address.Prefix(bits) // an address has as many
	return client
}
