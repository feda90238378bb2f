package throttle_test

import (
	"net/netip"
	"strconv"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/throttle"
)

// A remembered login, with and without the throttle.
func BenchmarkRememberedLogin(b *testing.B) {
	cached := authn.Cache(&source{}, authn.CacheConfig{})
	for name, users := range map[string]authn.Authenticator{
		"cache":              cached,
		"throttle and cache": throttle.New(cached, throttle.Config{}),
	} {
		for _, address := range []string{home, "2001:db8::1"} {
			b.Run(name+" "+address, func(b *testing.B) {
				r := request(address, "alice", "right")
				b.ReportAllocs()
				for b.Loop() {
					if _, err := users.Authenticate(b.Context(), r); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// A flood consists of refused logins.
func BenchmarkRefusedLogin(b *testing.B) {
	users := throttle.New(&source{}, throttle.Config{
		RefusalDelay: -1, Pair: throttle.Rule{Free: 1, FirstDelay: 1 << 60, MaxDelay: 1 << 61},
	})
	_, _ = users.Authenticate(b.Context(), request(home, "alice", "wrong"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := users.Authenticate(b.Context(), request(home, "alice", "another")); err == nil {
			b.Fatal("let in")
		}
	}
}

// Each failure takes two places in the memory, which fills up.
func BenchmarkFailures(b *testing.B) {
	users := throttle.New(&source{}, throttle.Config{RefusalDelay: -1})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := request("", "user"+strconv.Itoa(i), "wrong")
		r.RemoteAddr = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		_, _ = users.Authenticate(b.Context(), r)
	}
}
