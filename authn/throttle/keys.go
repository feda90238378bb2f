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

// keyring computes the keys of logins. They are keyed hashes, so that a store shows no names,
// addresses or passwords.
type keyring struct {
	mac       secret.MAC
	rules     []Rule // of the pair, and of the networks from the smallest to the largest
	directory authn.Directory
	accounts  *lru.Cache[string, account] // by the typed name
}

// An account is a name that was looked up. It is remembered for a short time, so that a flood of
// refused logins is no flood of look-ups.
type account struct {
	name  string
	until time.Time
}

const (
	accountFor  = 10 * time.Second
	maxAccounts = 4096
)

// A callKey is the same for logins that have the same answer. Beside the credentials and the
// network, it has those parts of a request that a source may look at.
type callKey struct {
	credentials [sha256.Size]byte
	network     netip.Prefix
	service     string
	certificate string
}

func (k *keyring) call(r authn.Request) callKey {
	key := callKey{credentials: k.mac.Sum("credentials", r.Username, string(r.Password))}
	key.service = r.Service
	if networks := networksOf(r.RemoteAddr); len(networks) > 0 {
		key.network = networks[0]
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		key.certificate = string(r.TLS.PeerCertificates[0].Raw)
	}
	return key
}

// counts returns the keys of the counts that a login depends on: that of the pair first, and those
// of the networks if the address is known.
func (k *keyring) counts(ctx context.Context, r authn.Request) []Key {
	networks := networksOf(r.RemoteAddr)
	pair := ""
	if len(networks) > 0 {
		pair = networks[0].String()
	}
	keys := make([]Key, 1, 1+len(networks))
	keys[0] = k.key(0, "pair", k.account(ctx, r.Username), pair)
	for i, network := range networks {
		keys = append(keys, k.key(i+1, "network", network.String()))
	}
	return keys
}

func (k *keyring) key(rule int, parts ...string) Key {
	sum := k.mac.Sum(parts...)
	return Key{Hash: [16]byte(sum[:]), Forget: k.rules[rule].forget()}
}

// networksOf returns the networks of an address from the smallest to the largest. One client
// usually has an IPv6 /64, and often a /56 or /48.
func networksOf(address netip.Addr) []netip.Prefix {
	address = address.Unmap()
	lengths := []int{64, 56, 48}
	switch {
	case !address.IsValid():
		return nil
	case address.Is4():
		lengths = []int{32}
	}
	networks := make([]netip.Prefix, len(lengths))
	for i, bits := range lengths {
		networks[i] = netip.PrefixFrom(address.WithZone(""), bits).Masked()
	}
	return networks
}

// account returns the name by which an account is counted. Case is folded for known names too, or a
// source that ignores case would show by its counts which names exist.
func (k *keyring) account(ctx context.Context, typed string) string {
	if k.directory == nil {
		return fold(typed)
	}
	now := time.Now()
	if known, ok := k.accounts.Get(typed); ok && now.Before(known.until) {
		return known.name
	}
	name := typed
	subject, err := k.directory.Lookup(ctx, typed)
	if err == nil && !subject.Anonymous() {
		name = subject.Name
	}
	name = fold(name)
	if ctx.Err() == nil { // or a client that hangs up would choose the name
		k.accounts.Add(typed, account{name, now.Add(accountFor)})
	}
	return name
}

func fold(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
