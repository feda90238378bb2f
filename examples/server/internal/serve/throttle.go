package serve

import (
	"context"
	"crypto/rand"
	"net/netip"

	"github.com/berthpass/registry-auth/authn"
)

// A failureCount is what outlives a generation of the throttle: a reload gives nobody new tries.
type failureCount struct {
	store authn.ThrottleStore
	key   authn.Secret
}

// failureCounts bounds the memory of the counts: accounts, addresses and pairs of both.
const failureCounts = 60_000

func newFailureCount() failureCount {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return failureCount{store: authn.NewThrottleMemory(failureCounts), key: authn.Secret(key)}
}

// throttled slows down wrong passwords.
func (s *Server) throttled(users authn.Authenticator) authn.Authenticator {
	return behindProxy{authn.Throttle(users, authn.ThrottleConfig{Store: s.failures.store, Key: s.failures.key, Logger: s.logger})}
}

// behindProxy takes the address of this machine for an unknown one: it is that of a proxy here whose header is not configured, as
// in docker_auth's tutorial, and all clients have it. Their failures must not count as those of one client.
type behindProxy struct{ users authn.Authenticator }

func (b behindProxy) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	if r.RemoteAddr.IsLoopback() {
		r.RemoteAddr = netip.Addr{}
	}
	return b.users.Authenticate(ctx, r)
}

func (b behindProxy) Lookup(ctx context.Context, name string) (authn.Subject, error) {
	return authn.Lookup(ctx, b.users, name)
}
