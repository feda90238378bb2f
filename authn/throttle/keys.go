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
	accounts  *lru.Cache[string, account] // by the typed name
}

// An account is remembered for a short time, so that a flood of refused logins is no flood of
// look-ups.
type account struct {
	name  string
	until time.Time
}

// call returns a key that is the same for logins with the same answer. Beside the credentials and
// the network, it covers the parts of a request that a source may look at.
func (k *keyring) call(r authn.Request) [sha256.Size]byte {
	certificate := ""
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		certificate = string(r.TLS.PeerCertificates[0].Raw)
	}
	network := networksOf(r.RemoteAddr)[0].String()
	return k.mac.Sum("call", r.Username, string(r.Password), network, r.Service, certificate)
}

func (k *keyring) proof(r authn.Request) [8]byte {
	sum := k.mac.Sum("credentials", r.Username, string(r.Password))
	return [8]byte(sum[:])
}

// counts returns the keys of the pair and of the networks, one for each rule that applies.
func (k *keyring) counts(ctx context.Context, r authn.Request) []Key {
	networks := networksOf(r.RemoteAddr)
	keys := []Key{k.key(0, "pair", k.account(ctx, r.Username), networks[0].String())}
	for i, network := range networks {
		if network.IsValid() {
			keys = append(keys, k.key(i+1, "network", network.String()))
		}
	}
	return keys
}

func (k *keyring) key(rule int, parts ...string) Key {
	sum := k.mac.Sum(parts...)
	return Key{Hash: [16]byte(sum[:]), Forget: k.rules[rule].forget()}
}

// networksOf returns the networks of an address from the smallest to the largest: one client may
// have an IPv6 /48. That of an unknown address is not valid.
func networksOf(address netip.Addr) []netip.Prefix {
	address = address.Unmap()
	if !address.Is6() {
		return []netip.Prefix{netip.PrefixFrom(address, address.BitLen())}
	}
	networks := make([]netip.Prefix, 0, 3)
	for _, bits := range []int{64, 56, 48} {
		networks = append(networks, netip.PrefixFrom(address, bits).Masked())
	}
	return networks
}

// account returns the name by which an account is counted. Case is folded for known names too, or a
// source that ignores case would show by its counts which names exist.
func (k *keyring) account(ctx context.Context, typed string) string {
	name := strings.ToLower(strings.TrimSpace(typed))
	if k.directory == nil {
		return name
	}
	known, ok := k.accounts.Get(typed)
	if ok && time.Now().Before(known.until) {
		return known.name
	}
	if subject, err := k.directory.Lookup(ctx, typed); err == nil {
		name = strings.ToLower(strings.TrimSpace(subject.Name))
	}
	if ctx.Err() == nil { // else a client that hangs up could choose the name
		k.accounts.Add(typed, account{name, time.Now().Add(10 * time.Second)})
	}
	return name
}
