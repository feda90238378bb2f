package serve

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/examples/server/internal/section"
)

var errNoAddress = errors.New("the proxy does not say where the request comes from")

// maxHops is more than any chain of proxies has. It bounds the work for a header of commas.
const maxHops = 100

// clientAddress finds out where a request comes from. The header counts if the peer is a trusted
// proxy, and then it is required; of any other peer, its own address counts. The zero Addr stands
// for a peer at a Unix socket without a header.
func clientAddress(cfg section.RealIP, r *http.Request) (netip.Addr, error) {
	peer := netip.Addr{}
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		peer = at.Addr().Unmap().WithZone("")
	}
	if cfg.Header == "" || peer.IsValid() && !trusted(cfg, peer) {
		return peer, nil
	}
	// All lines of the header: the first may be one that the client sent, and the proxy's come after
	// it.
	hops := strings.SplitN(strings.Join(r.Header.Values(cfg.Header), ","), ",", maxHops+1)
	text, ok := pick(cfg, hops)
	if !ok || len(hops) > maxHops {
		return netip.Addr{}, errNoAddress
	}
	address, ok := parseHop(text)
	if !ok {
		return netip.Addr{}, errNoAddress
	}
	return address, nil
}

// remoteAddr returns clientAddress for requests that it has an address for.
func remoteAddr(cfg section.RealIP) func(*http.Request) netip.Addr {
	return func(r *http.Request) netip.Addr {
		address, _ := clientAddress(cfg, r)
		return address
	}
}

func trusted(cfg section.RealIP, address netip.Addr) bool {
	return slices.ContainsFunc(
		cfg.TrustedProxies,
		func(p netip.Prefix) bool { return p.Contains(address) },
	)
}

// pick chooses the client's address among those in the header.
func pick(cfg section.RealIP, hops []string) (text string, ok bool) {
	at := len(hops) - 1
	switch {
	case cfg.Position != nil:
		if at = *cfg.Position; at < 0 {
			at += len(hops)
		}
	case !cfg.DefaultProxies:
		// Each proxy adds the address that it sees at the end. The client can write what is left of the
		// last address that is no proxy.
		for at > 0 {
			if hop, valid := parseHop(hops[at]); !valid || !trusted(cfg, hop) {
				break
			}
			at--
		}
	}
	if at < 0 || at >= len(hops) {
		return "", false
	}
	return hops[at], true
}

// parseHop reads an address as proxies write it: with or without a port, an IPv6 one perhaps in
// brackets.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Addr().Unmap().WithZone(""), true
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	address, err := netip.ParseAddr(text)
	return address.Unmap().WithZone(""), err == nil
}
