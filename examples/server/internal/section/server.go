package section

import (
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

// Server is where and how the server listens.
type Server struct {
	conf.Place

	// Addr is a host and port, or the path of a socket if Net is "unix", and not "tcp".
	Addr string
	At   conf.Place // of the address
	Net  string
	// PathPrefix is "/auth" for /auth/auth and /auth/auth/token.
	PathPrefix string
	TLS        *TLS // nil: not encrypted
	// HSTS tells browsers to come back with HTTPS only.
	HSTS   bool
	RealIP RealIP
	// MaxConnections is how many connections may be open at once, at each address. One client may have
	// a quarter of them.
	MaxConnections int
	// ShutdownDelay is how long the server answers after it said that it is not ready.
	ShutdownDelay time.Duration

	certificate, key pemFile
}

const (
	// defaultMaxConnections is some 250 MB if all of them are idle. With fewer, a few clients with a
	// quarter each can use them up.
	defaultMaxConnections = 10_000
	// maxShutdownDelay is the patience of most supervisors, which then kill the process.
	maxShutdownDelay = time.Minute
)

// EndpointPaths are the paths of token requests, the preferred one first.
func (s *Server) EndpointPaths() []string {
	return []string{s.PathPrefix + "/auth", s.PathPrefix + "/auth/token"}
}

// Keys implements [Section].
func (s *Server) Keys() []string { return []string{"server"} }

// Read implements [Section].
func (s *Server) Read(n *conf.Node) {
	s.Place, s.At, s.Net, s.MaxConnections = n.Place, n.Place, "tcp", defaultMaxConnections
	var t tlsSettings
	fields := []conf.Field{
		conf.Text("addr", &s.Addr).At(&s.At).AtStart(),
		conf.OneOf("net", &s.Net, "tcp", "unix").AtStart(),
		conf.Func("path_prefix", s.pathPrefix),
		conf.Bool("hsts", &s.HSTS),
		conf.Int("max_connections", &s.MaxConnections, 1).AtStart(),
		conf.Func("shutdown_delay", func(n *conf.Node) {
			if s.ShutdownDelay = n.DurationOrZero(); s.ShutdownDelay > maxShutdownDelay {
				n.Errorf("shutdown_delay must be at most %v and is %v",
					maxShutdownDelay, s.ShutdownDelay)
			}
		}),
		conf.Func("certificate", func(n *conf.Node) {
			s.certificate.read(n, "server.certificate", (*conf.Node).ReadFile)
		}),
		conf.Func("key", func(n *conf.Node) {
			s.key.read(n, "server.key", (*conf.Node).ReadSecretFile)
		}),
	}
	fields = append(fields, t.fields()...)
	n.Fields(append(fields, s.RealIP.fields()...)...)
	s.TLS = t.build(s)
	n.AtStart("certificate", strconv.FormatBool(s.TLS != nil))
	s.RealIP.complete()
}

func (s *Server) pathPrefix(n *conf.Node) {
	p := strings.TrimSuffix(n.Text(), "/")
	plain := strings.HasPrefix(p, "/") && path.Clean(p) == p && !strings.ContainsAny(p, "{}?#% ")
	if p != "" && !plain {
		n.Errorf("path_prefix must be a plain absolute path such as /auth and is %q", p)
	}
	s.PathPrefix = p
}

// Build implements [Section].
func (s *Server) Build(*Site) (Part, error) {
	if s.Addr == "" {
		s.Errorf("server.addr is missing: the address to listen at, such as \":5001\"")
		return Part{}, nil
	}
	if s.Net == "tcp" {
		if checkHostPort(s.Addr) != nil {
			s.At.Errorf("server.addr must be host:port or :port and is %q", s.Addr)
		}
		if s.TLS == nil && !isLoopback(s.Addr) {
			s.At.Warnf("without certificate, passwords travel in the clear: serve HTTPS here, " +
				"or listen on a loopback address behind a proxy that does")
		}
	}
	s.RealIP.check(s.At)
	return Part{}, nil
}

func isLoopback(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}
