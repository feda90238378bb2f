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

// A remembered login against a check of bcrypt with cost 10.
func BenchmarkLogin(b *testing.B) {
	hash, err := bcrypt.GenerateFromPassword([]byte("wonderland"), 10)
	if err != nil {
		b.Fatal(err)
	}
	users, err := static.New(static.Config{
		Users: []static.User{{Name: "alice", PasswordHash: authn.Secret(hash)}},
	})
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

// Remembered logins share a mutex.
func BenchmarkCacheParallel(b *testing.B) {
	benchmarkLogins(b, authn.Cache(&source{}, authn.CacheConfig{}))
}

// benchmarkLogins logs in with the same credentials, as the nodes of a cluster do, or with a
// thousand different ones.
func benchmarkLogins(b *testing.B, users authn.Authenticator) {
	requests := make([]authn.Request, 1000)
	for i := range requests {
		requests[i] = authn.Request{
			Username: "user" + strconv.Itoa(i), Password: "right",
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
				const distance = 377 // between two goroutines
				for i := int(goroutines.Add(distance)); pb.Next(); i++ {
					r := which.requests[i%len(which.requests)]
					if _, err := users.Authenticate(b.Context(), r); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
