package section

import (
	"context"
	"crypto/rand"
	"net/netip"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/throttle"
	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

// throttling slows wrong passwords down.
type throttling struct{ enabled bool }

func (t *throttling) Keys() []string { return []string{"throttle"} }

func (t *throttling) Read(n *conf.Node) {
	t.enabled = true
	n.Fields(conf.Bool("enabled", &t.enabled))
}

// failures are the counts of wrong passwords.
type failures struct {
	store throttle.Store
	key   authn.Secret
}

// maxFailures bounds the memory of the counts of pairs and networks.
const maxFailures = 60_000

// Build keeps the counts: a reload forgets no failure.
func (t *throttling) Build(s *Site) (Part, error) {
	counts, err := Hold(s, "throttle", func() (failures, error) {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails
		return failures{throttle.NewMemoryStore(maxFailures), authn.Secret(key)}, nil
	})
	if err != nil || !t.enabled {
		return Part{}, err
	}
	return Part{Config: func(c *auth.Config) {
		if c.Authenticator == nil {
			return
		}
		c.Authenticator = hideLoopback(throttle.New(c.Authenticator, throttle.Config{
			Store: counts.store, Key: counts.key, Logger: s.Logger,
		}))
	}}, nil
}

// hideLoopback makes the address of this machine an unknown one. It is that of a proxy here whose
// header is not configured, as in docker_auth's tutorial, and all clients have it. Their failures
// must not count as those of one client.
func hideLoopback(users authn.Authenticator) authn.Authenticator {
	return authn.Decorate(users, func(ctx context.Context, r authn.Request) (authn.Subject, error) {
		if r.RemoteAddr.IsLoopback() {
			r.RemoteAddr = netip.Addr{}
		}
		return users.Authenticate(ctx, r)
	})
}
