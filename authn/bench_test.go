package authn_test

import (
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/static"
)

// The figure to look at is the relation of the two. Both run on a list of one user with a bcrypt
// hash of cost 10.
func BenchmarkLogin(b *testing.B) {
	hash, err := bcrypt.GenerateFromPassword([]byte("wonderland"), 10)
	if err != nil {
		b.Fatal(err)
	}
	users, err := static.New(static.User{Name: "alice", PasswordHash: authn.Secret(hash)})
	if err != nil {
		b.Fatal(err)
	}
	r := authn.Request{Username: "alice", Password: "wonderland"}
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

// With more processors a login takes less, whoever it is of: no request waits for another.
func BenchmarkCacheParallel(b *testing.B) {
	benchmarkLogins(b, authn.Cache(&source{}, authn.CacheConfig{}))
}

// benchmarkLogins has all goroutines log in with the same credentials, as the nodes of a cluster
// do, or each with a thousand.
func benchmarkLogins(b *testing.B, users authn.Authenticator) {
	requests := make([]authn.Request, 1000)
	for i := range requests {
		requests[i] = authn.Request{
			Username: "user" + strconv.Itoa(i), Password: "right", RemoteAddr: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}),
		}
	}
	for _, which := range []struct {
		name     string
		requests []authn.Request
	}{
		{"one credential", requests[:1]},
		{"many credentials", requests},
	} {
		b.Run(which.name, func(b *testing.B) {
			b.ReportAllocs()
			var goroutines atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				const apart = 377 // from one goroutine to the next
				for i := int(goroutines.Add(apart)); pb.Next(); i++ {
					if _, err := users.Authenticate(b.Context(), which.requests[i%len(which.requests)]); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
