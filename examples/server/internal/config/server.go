package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"os"
	"path"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Server says where and how the server listens.
type Server struct {
	// Addr is a host and port, or the path of a socket when Net is "unix"; otherwise Net is "tcp". At is where it stands.
	Addr string
	Net  string
	At   Position
	// PathPrefix is what the paths begin with: "/auth" for /auth/auth and /auth/auth/token. It has no slash at its end.
	PathPrefix string
	// TLS says how connections are encrypted; nil means that they are not.
	TLS *TLS
	// HSTS tells browsers to come back with HTTPS only.
	HSTS   bool
	RealIP RealIP
	// MaxConnections is how many connections may be open at once, at each address. Others wait until one is closed. One client may
	// have a quarter of them.
	MaxConnections int
	// ShutdownDelay is how long requests are still answered after the server was told to end, while it says that it is not ready.
	ShutdownDelay time.Duration
}

const (
	// defaultMaxConnections is some 250 MB when all of them are idle. A lower one is easier to use up, by a few clients who have a
	// quarter each.
	defaultMaxConnections = 10_000
	// maxShutdownDelay is the patience of most supervisors: they kill what has not ended by then.
	maxShutdownDelay = time.Minute
)

// TLS says how connections are encrypted.
type TLS struct {
	// Certificate is what the server shows. It is nil with LetsEncrypt.
	Certificate      *tls.Certificate
	LetsEncrypt      *LetsEncrypt
	MinVersion       uint16
	CurvePreferences []tls.CurveID
	CipherSuites     []uint16
}

// LetsEncrypt says how certificates are fetched.
type LetsEncrypt struct {
	Email, Host, CacheDir string
}

// RealIP says how the client's address is found behind proxies.
type RealIP struct {
	// Header is the header with the addresses. When it is empty, the client is the connection's peer.
	Header string
	// Position is the index of the client's address in the header, from the end when it is negative. Nil is the last address
	// that is not a trusted proxy's.
	Position *int
	// TrustedProxies are the peers whose header counts. DefaultProxies says that they were not configured: they are the loopback
	// addresses then.
	TrustedProxies []netip.Prefix
	DefaultProxies bool
}

// EndpointPaths are the paths at which tokens are given out, the preferred one first.
func (s Server) EndpointPaths() []string {
	return []string{s.PathPrefix + "/auth", s.PathPrefix + "/auth/token"}
}

// tlsSettings are the keys of docker_auth, as they are read.
type tlsSettings struct {
	certificate, key *yaml.Node
	minVersion       *yaml.Node
	curves, ciphers  *yaml.Node
	letsEncrypt      *yaml.Node
}

func (r *reader) server(section, n *yaml.Node) {
	s, t := &r.cfg.Server, tlsSettings{}
	s.MaxConnections = defaultMaxConnections
	r.mapping(n, "server", func(key string, value *yaml.Node) bool {
		switch key {
		case "addr":
			s.Addr, s.At = r.text(value, key), r.at(value)
		case "net":
			s.Net = r.oneOf(value, key, "tcp", "unix")
		case "path_prefix":
			s.PathPrefix = r.pathPrefix(value)
		case "certificate":
			t.certificate = r.given(value, key)
		case "key":
			t.key = r.given(value, key)
		case "hsts":
			s.HSTS = r.boolean(value, key)
		case "tls_min_version":
			t.minVersion = value
		case "tls_curve_preferences":
			t.curves = value
		case "tls_cipher_suites":
			t.ciphers = value
		case "letsencrypt":
			t.letsEncrypt = value
		case "real_ip_header":
			s.RealIP.Header = r.headerName(value)
		case "real_ip_pos":
			position := r.integer(value, key)
			s.RealIP.Position = &position
		case "trusted_proxies":
			s.RealIP.TrustedProxies = r.prefixes(value, key)
		case "max_connections":
			s.MaxConnections = r.atLeastOne(value, key)
		case "shutdown_delay":
			if s.ShutdownDelay = r.durationOrNone(value, key); s.ShutdownDelay > maxShutdownDelay {
				r.fail(value, "shutdown_delay must be at most %v and is %v", maxShutdownDelay, s.ShutdownDelay)
			}
		default:
			return false
		}
		return true
	})
	r.tlsCertificate, r.tlsKey = t.certificate, t.key
	s.TLS = r.tls(section, t)
	if s.RealIP.TrustedProxies == nil {
		s.RealIP.TrustedProxies, s.RealIP.DefaultProxies = loopbackNetworks(), true
	}
}

func (r *reader) oneOf(n *yaml.Node, what string, allowed ...string) string {
	text := r.text(n, what)
	for _, a := range allowed {
		if text == a || text == "" {
			return text
		}
	}
	r.fail(n, "%s must be one of %s and is %q", what, strings.Join(allowed, ", "), text)
	return ""
}

func (r *reader) pathPrefix(n *yaml.Node) string {
	prefix := strings.TrimSuffix(r.text(n, "path_prefix"), "/")
	if prefix != "" && (!strings.HasPrefix(prefix, "/") || path.Clean(prefix) != prefix || strings.ContainsAny(prefix, "{}?#% ")) {
		r.fail(n, "path_prefix must be a plain absolute path such as /auth and is %q", prefix)
	}
	return prefix
}

func (r *reader) headerName(n *yaml.Node) string {
	name := r.text(n, "real_ip_header")
	if strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`()<>@,;:\"/[]?={}`, c) }) {
		r.fail(n, "real_ip_header %q is not the name of a header", name)
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

// prefixes reads networks and single addresses. What is wider than any network of proxies is refused: it would trust clients.
// An IPv4 address in the form of an IPv6 one is read as what it is, since that is what peers are compared with.
func (r *reader) prefixes(n *yaml.Node, what string) []netip.Prefix {
	list := []netip.Prefix{}
	r.sequence(n, what, func(item *yaml.Node) {
		text := r.text(item, what)
		prefix, err := netip.ParsePrefix(text)
		if address, single := netip.ParseAddr(text); err != nil && single == nil {
			prefix, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		switch {
		case err != nil:
			r.fail(item, "%s: %q is neither an address nor a network such as 10.0.0.0/8", what, text)
		case tooWide(unmapped(prefix)):
			r.fail(item, "%s: %s would trust clients too; list the proxies, or networks of at least /8 for IPv4 and /16 for IPv6", what, text)
		default:
			list = append(list, unmapped(prefix).Masked())
		}
	})
	return list
}

// unmapped returns the IPv4 network that ::ffff:192.0.2.0/120 stands for, and any other as it is.
func unmapped(p netip.Prefix) netip.Prefix {
	const mappedBits = 96
	if !p.Addr().Is4In6() || p.Bits() < mappedBits {
		return p
	}
	return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mappedBits)
}

// tooWide reports whether a network has more addresses than any that belongs to one owner. Networks without a way from the
// Internet (RFC 4193, RFC 4291 section 2.5.6) may be as wide as they are.
func tooWide(p netip.Prefix) bool {
	const least4, least6 = 8, 16
	if p.Addr().Is4() {
		return p.Bits() < least4
	}
	for _, local := range []string{"fc00::/7", "fe80::/10"} {
		if within := netip.MustParsePrefix(local); within.Contains(p.Addr()) && p.Bits() >= within.Bits() {
			return false
		}
	}
	return p.Bits() < least6
}

// loopbackNetworks are the machine itself. Others of a private network, such as the containers beside a proxy, could write the
// header as well.
func loopbackNetworks() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// checkServer looks at the section as a whole.
func (l *loader) checkServer(section Position) {
	s := &l.cfg.Server
	if s.Net == "" {
		s.Net = "tcp"
	}
	if s.Addr == "" {
		l.problem(section, errors.New("server.addr is missing: the address to listen at, such as \":5001\""))
		return
	}
	if s.Net == "tcp" {
		if _, port, err := net.SplitHostPort(s.Addr); err != nil || port == "" {
			l.problem(s.At, fmt.Errorf("server.addr must be host:port or :port and is %q", s.Addr))
		}
	}
	if s.TLS == nil && s.Net == "tcp" && !loopback(s.Addr) {
		l.warning(s.At, "without certificate, passwords travel in the clear: serve HTTPS here, or listen on a loopback address behind a proxy that does")
	}
	l.checkRealIP(s)
}

func (l *loader) checkRealIP(s *Server) {
	switch ip := &s.RealIP; {
	case ip.Header == "" && (ip.Position != nil || !ip.DefaultProxies):
		l.problem(s.At, errors.New("server.real_ip_pos and server.trusted_proxies mean nothing without server.real_ip_header"))
	case ip.Header == "":
	case ip.DefaultProxies:
		l.warning(s.At, ip.Header+" is believed of loopback addresses only; list the proxies in server.trusted_proxies")
	}
	if p := s.RealIP.Position; s.RealIP.Header != "" && p != nil && *p >= 0 {
		l.warning(s.At, "server.real_ip_pos counts from the front of the header, which the client can write; leave it out, or count from the end with a negative number")
	}
}

func loopback(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
