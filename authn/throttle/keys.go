package throttle

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

// knownKeys are remembered for a short time, or each refused login would make a look-up.
type knownKeys struct {
	keys  []Key
	until time.Time
}

// keys returns the keys of the pair and of the networks, one for each rule that applies.
func (t *throttle) keys(ctx context.Context, r authn.Request) []Key {
	now, networks := time.Now(), networksOf(r.RemoteAddr)
	if finder, ok := t.source.(authn.AccountFinder); ok {
		if account := finder.Account(ctx, r); account != "" {
			return t.keysOf(account, networks) // may depend on the password, so not by name
		}
	}
	origin := authn.Request{Username: r.Username, RemoteAddr: networks[0].Addr()}
	if known, ok := t.known.Get(origin); ok && now.Before(known.until) {
		return known.keys
	}
	account := r.Username
	if directory, ok := t.source.(authn.Directory); ok {
		if subject, err := directory.Lookup(ctx, account); err == nil && !subject.Anonymous() {
			account = subject.Name
		}
	}
	keys := t.keysOf(account, networks)
	if ctx.Err() == nil { // else a client that hangs up could choose the name
		t.known.Add(origin, knownKeys{keys, now.Add(10 * time.Second)})
	}
	return keys
}

func (t *throttle) keysOf(account string, networks []netip.Prefix) []Key {
	// Case is folded for known names too, or a source that ignores case would show by its counts
	// which names exist. ToLower alone would keep ſ and s apart, which strings.EqualFold does not.
	account = strings.ToLower(strings.ToUpper(strings.TrimSpace(account)))
	keys := []Key{t.key(0, "pair", account, networks[0].String())}
	for i, network := range networks {
		if network.IsValid() {
			keys = append(keys, t.key(1+i, "network", network.String()))
		}
	}
	return keys
}

func (t *throttle) key(rule int, parts ...string) Key {
	sum := t.mac.Sum(parts...)
	return Key{Hash: [16]byte(sum[:]), Forget: t.rules[rule].Window}
}

// networksOf returns the networks of an address from the smallest to the largest: one client may
// have an IPv6 /48. That of an unknown address is not valid.
func networksOf(address netip.Addr) []netip.Prefix {
	address = address.Unmap()
	if !address.Is6() {
		return []netip.Prefix{netip.PrefixFrom(address, address.BitLen())}
	}
	return []netip.Prefix{
		netip.PrefixFrom(address, 64).Masked(),
		netip.PrefixFrom(address, 56).Masked(),
		netip.PrefixFrom(address, 48).Masked(),
	}
}
