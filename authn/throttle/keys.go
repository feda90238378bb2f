package throttle

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/internal/lru"
	"github.com/berthpass/registry-auth/internal/secret"
)

// keyring computes the keys of logins, so that a store shows no names, addresses or passwords.
type keyring struct {
	mac       secret.MAC
	rules     []Rule // of the pair, and of the networks from the smallest to the largest
	directory authn.Directory
	known     *lru.Cache[origin, knownKeys]
}

// An origin is a name as it was typed, and the smallest network of the client.
type origin struct {
	username string
	network  netip.Prefix
}

// knownKeys are remembered for a short time, so that a flood of refused logins is no flood of
// look-ups.
type knownKeys struct {
	keys  []Key // of the pair, and of the networks
	until time.Time
}

// An identity is the same for logins that have the same answer. It covers the parts of a request
// that a source may look at.
type identity struct {
	origin

	credentials          [sha256.Size]byte
	service, certificate string
}

func (k *keyring) identify(r authn.Request) identity {
	id := identity{origin: origin{r.Username, networksOf(r.RemoteAddr)[0]}, service: r.Service}
	id.credentials = k.mac.Sum("credentials", r.Username, string(r.Password))
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		id.certificate = string(r.TLS.PeerCertificates[0].Raw)
	}
	return id
}

// find returns the keys of the pair and of the networks, one for each rule that applies.
func (k *keyring) find(ctx context.Context, id identity, address netip.Addr) []Key {
	now := time.Now()
	if known, ok := k.known.Get(id.origin); ok && now.Before(known.until) {
		return known.keys
	}
	account := id.username
	if k.directory != nil {
		if subject, err := k.directory.Lookup(ctx, account); err == nil {
			account = subject.Name
		}
	}
	// Case is folded for known names too, or a source that ignores case would show by its counts
	// which names exist.
	account = strings.ToLower(strings.TrimSpace(account))
	parts := [][]string{{"pair", account, id.network.String()}}
	for _, network := range networksOf(address) {
		if network.IsValid() {
			parts = append(parts, []string{"network", network.String()})
		}
	}
	keys := make([]Key, len(parts))
	for i := range keys {
		sum := k.mac.Sum(parts[i]...)
		keys[i] = Key{Hash: [16]byte(sum[:]), Forget: k.rules[i].forget()}
	}
	if ctx.Err() == nil { // else a client that hangs up could choose the name
		k.known.Add(id.origin, knownKeys{keys, now.Add(10 * time.Second)})
	}
	return keys
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
