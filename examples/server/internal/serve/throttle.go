package serve

import (
	"context"
	"crypto/rand"
	"net/netip"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/throttle"
)

// A failureCount is what outlives a generation of the throttle: a reload gives nobody new tries.
type failureCount struct {
	store throttle.Store
	key   authn.Secret
}

// failureCounts bounds the memory of the counts of pairs and networks.
const failureCounts = 60_000

func newFailureCount() failureCount {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return failureCount{store: throttle.NewMemoryStore(failureCounts), key: authn.Secret(key)}
}

// throttled slows down wrong passwords.
func (s *Server) throttled(users authn.Authenticator) authn.Authenticator {
	return behindProxy(throttle.New(users, throttle.Config{
		Store: s.failures.store, Key: s.failures.key, Logger: s.logger,
	}))
}

// behindProxy takes the address of this machine for an unknown one: it is that of a proxy here whose header is not configured, as
// in docker_auth's tutorial, and all clients have it. Their failures must not count as those of one client.
func behindProxy(users authn.Authenticator) authn.Authenticator {
	return authn.Decorate(users, func(ctx context.Context, r authn.Request) (authn.Subject, error) {
		if r.RemoteAddr.IsLoopback() {
			r.RemoteAddr = netip.Addr{}
		}
		return users.Authenticate(ctx, r)
	})
}
