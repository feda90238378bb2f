package section

import (
	"fmt"
	"net/netip"
	"net/textproto"
	"strings"

	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

// RealIP is how the client's address is found behind proxies.
type RealIP struct {
	// Header is the header with the addresses. If it is empty, the client is the peer.
	Header string
	// Position is the index of the client's address in the header, from the end if it is negative. Nil
	// is the last address that is not a trusted proxy's.
	Position *int
	// TrustedProxies are the peers whose header counts. DefaultProxies means that they were not
	// configured: they are the loopback addresses then.
	TrustedProxies []netip.Prefix
	DefaultProxies bool
}

func (ip *RealIP) fields() []conf.Field {
	return []conf.Field{
		conf.Text("real_ip_header", &ip.Header, func(name string) error {
			if strings.ContainsFunc(name, func(c rune) bool {
				return c <= ' ' || c > '~' || strings.ContainsRune(`()<>@,;:\"/[]?={}`, c)
			}) {
				return fmt.Errorf("%q is not the name of a header", name)
			}
			return nil
		}),
		conf.Func("real_ip_pos", func(n *conf.Node) {
			position := n.Int()
			ip.Position = &position
		}),
		conf.Func("trusted_proxies", func(n *conf.Node) {
			ip.TrustedProxies = []netip.Prefix{}
			n.Items(ip.proxy)
		}),
	}
}

// proxy reads a network or a single address. What is wider than any network of proxies is refused,
// since it would trust clients.
func (ip *RealIP) proxy(n *conf.Node) {
	text := n.Text()
	prefix, err := parseNetwork(text)
	switch {
	case err != nil:
		n.Errorf("trusted_proxies: %w", err)
	case tooWide(prefix):
		n.Errorf("trusted_proxies: %s would trust clients too; list the proxies, "+
			"or networks of at least /8 for IPv4 and /16 for IPv6", text)
	default:
		ip.TrustedProxies = append(ip.TrustedProxies, prefix.Masked())
	}
}

// parseNetwork reads a network or a single address. An IPv4 one in the form of IPv6 is read as what
// it is, since peers are compared with that.
func parseNetwork(text string) (netip.Prefix, error) {
	const mappedBits = 96
	p, err := netip.ParsePrefix(text)
	if address, single := netip.ParseAddr(text); err != nil && single == nil {
		p, err = netip.PrefixFrom(address, address.BitLen()), nil
	}
	if err != nil {
		return p, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", text)
	}
	if p.Addr().Is4In6() && p.Bits() >= mappedBits {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mappedBits), nil
	}
	return p, nil
}

// tooWide reports whether a network has more addresses than any that belongs to one owner. Networks
// that the Internet does not reach (RFC 4193, RFC 4291 section 2.5.6) may be wider.
func tooWide(p netip.Prefix) bool {
	const least4, least6 = 8, 16
	if p.Addr().Is4() {
		return p.Bits() < least4
	}
	for _, local := range []string{"fc00::/7", "fe80::/10"} {
		within := netip.MustParsePrefix(local)
		if within.Contains(p.Addr()) && p.Bits() >= within.Bits() {
			return false
		}
	}
	return p.Bits() < least6
}

// complete sets the proxies of the default: this machine. Others of a private network, such as the
// containers beside a proxy, could write the header as well.
func (ip *RealIP) complete() {
	ip.Header = textproto.CanonicalMIMEHeaderKey(ip.Header)
	if ip.TrustedProxies == nil {
		ip.DefaultProxies = true
		ip.TrustedProxies = []netip.Prefix{
			netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"),
		}
	}
}

func (ip *RealIP) check(at conf.Place) {
	switch {
	case ip.Header == "" && (ip.Position != nil || !ip.DefaultProxies):
		at.Errorf("server.real_ip_pos and server.trusted_proxies mean nothing " +
			"without server.real_ip_header")
	case ip.Header == "":
		return
	case ip.DefaultProxies:
		at.Warnf("%s is believed of loopback addresses only; "+
			"list the proxies in server.trusted_proxies", ip.Header)
	}
	if ip.Position != nil && *ip.Position >= 0 {
		at.Warnf("server.real_ip_pos counts from the front of the header, which the client can " +
			"write; leave it out, or count from the end with a negative number")
	}
}
