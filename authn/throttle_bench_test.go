package authn_test

import (
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/berthpass/registry-auth/authn"
)

// The figure to look at is what a throttle adds to a login whose password is cached.
func BenchmarkThrottleCachedLogin(b *testing.B) {
	cached := authn.Cache(&source{}, authn.CacheConfig{})
	for _, which := range []struct {
		name  string
		users authn.Authenticator
	}{
		{"cache alone", cached},
		{"throttle and cache", authn.Throttle(cached, authn.ThrottleConfig{})},
	} {
		const names = 1000
		requests := make([]*authn.Request, names)
		for i := range requests {
			requests[i] = &authn.Request{
				Username: "user" + strconv.Itoa(i), Password: "right", RemoteAddr: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}),
			}
		}
		b.Run(which.name, func(b *testing.B) {
			b.ReportAllocs()
			var next atomic.Uint64
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := which.users.Authenticate(b.Context(), requests[next.Add(1)%names]); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// A refused attempt is what a flood consists of.
func BenchmarkThrottleRefused(b *testing.B) {
	throttled := authn.Throttle(&source{}, authn.ThrottleConfig{Hold: -1, AccountAddress: authn.ThrottleRule{Free: 1, FirstDelay: 1 << 60, MaxDelay: 1 << 61}})
	r := &authn.Request{Username: "alice", Password: "wrong", RemoteAddr: netip.MustParseAddr(home)}
	_, _ = throttled.Authenticate(b.Context(), r)
	r.Password = "another"
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := throttled.Authenticate(b.Context(), r); err == nil {
				b.Error("let in")
			}
		}
	})
}

// Each attempt takes three places in the memory, and others give theirs up once it is full.
func BenchmarkThrottleMemory(b *testing.B) {
	throttled := authn.Throttle(&source{}, authn.ThrottleConfig{Hold: -1})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := &authn.Request{Username: "user" + strconv.Itoa(i), Password: "wrong", RemoteAddr: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}
		_, _ = throttled.Authenticate(b.Context(), r)
	}
}
