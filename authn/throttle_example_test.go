package authn_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

// Somebody guesses alice's password, and alice goes on working.
func ExampleThrottle() {
	source := authn.Func(func(_ context.Context, r authn.Request) (authn.Subject, error) {
		if r.Username != "alice" || r.Password != "wonderland" {
			return authn.Subject{}, authn.ErrRejected
		}
		return authn.Subject{Name: r.Username}, nil
	})
	users := authn.Throttle(authn.Cache(source, authn.CacheConfig{}), authn.ThrottleConfig{
		AccountAddress: authn.ThrottleRule{Free: 3, FirstDelay: time.Minute},
		Hold:           -1, // the example should not take long
	})
	login := func(address, password string) {
		_, err := users.Authenticate(context.Background(), authn.Request{
			Username: "alice", Password: authn.Secret(password), RemoteAddr: netip.MustParseAddr(address),
		})
		switch throttled := (*authn.ThrottledError)(nil); {
		case err == nil:
			fmt.Printf("%s %s: 200\n", address, password)
		case errors.As(err, &throttled):
			fmt.Printf("%s %s: 429, wait %v\n", address, password, throttled.RetryAfter.Round(time.Second))
		default:
			fmt.Printf("%s %s: 401\n", address, password)
		}
	}
	login("192.0.2.1", "wonderland")
	for _, guess := range []string{"123456", "password", "qwerty", "letmein"} {
		login("192.0.2.1", guess)
	}
	login("192.0.2.1", "wonderland")
	// Output:
	// 192.0.2.1 wonderland: 200
	// 192.0.2.1 123456: 401
	// 192.0.2.1 password: 401
	// 192.0.2.1 qwerty: 401
	// 192.0.2.1 letmein: 429, wait 1m0s
	// 192.0.2.1 wonderland: 200
}
