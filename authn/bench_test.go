package authn_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/static"
)

// The figure to look at is the relation of the two. Both run on a list of one user with a bcrypt hash of cost 10.
func BenchmarkLogin(b *testing.B) {
	hash, err := bcrypt.GenerateFromPassword([]byte("wonderland"), 10)
	if err != nil {
		b.Fatal(err)
	}
	users, err := static.New(static.User{Name: "alice", PasswordHash: authn.Secret(hash)})
	if err != nil {
		b.Fatal(err)
	}
	r := &authn.Request{Username: "alice", Password: "wonderland"}
	for _, which := range []struct {
		name  string
		users authn.Authenticator
	}{
		{"first", users},
		{"remembered", authn.Cache(users, authn.CacheConfig{TTL: time.Hour})},
	} {
		b.Run(which.name, func(b *testing.B) {
			if _, err := which.users.Authenticate(b.Context(), r); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := which.users.Authenticate(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Many goroutines, each with credentials of its own, in a full cache.
func BenchmarkCacheParallel(b *testing.B) {
	const names = 1000
	cached := authn.Cache(&source{}, authn.CacheConfig{})
	requests := make([]*authn.Request, names)
	for i := range requests {
		requests[i] = &authn.Request{Username: "user" + strconv.Itoa(i), Password: "right"}
	}
	b.ReportAllocs()
	var next atomic.Uint64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := cached.Authenticate(b.Context(), requests[next.Add(1)%names]); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
