package authn_test

import (
	"net/netip"
	"strconv"
	"testing"

	"github.com/berthpass/registry-auth/authn"
)

// The figure to look at is what a throttle adds to a login whose password is cached: see BenchmarkCacheParallel.
func BenchmarkThrottleCachedLogin(b *testing.B) {
	benchmarkLogins(b, authn.Throttle(authn.Cache(&source{}, authn.CacheConfig{}), authn.ThrottleConfig{}))
}

// A refused attempt is what a flood consists of.
func BenchmarkThrottleRefused(b *testing.B) {
	throttled := authn.Throttle(&source{}, authn.ThrottleConfig{Hold: -1, AccountAddress: authn.ThrottleRule{Free: 1, FirstDelay: 1 << 60, MaxDelay: 1 << 61}})
	r := authn.Request{Username: "alice", Password: "wrong", RemoteAddr: netip.MustParseAddr(home)}
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
		r := authn.Request{Username: "user" + strconv.Itoa(i), Password: "wrong", RemoteAddr: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}
		_, _ = throttled.Authenticate(b.Context(), r)
	}
}
