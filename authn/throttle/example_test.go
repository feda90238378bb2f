package throttle_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/throttle"
)

func users() authn.Authenticator {
	return authn.Func(func(_ context.Context, r authn.Request) (authn.Subject, error) {
		if r.Username != "alice" || r.Password != "wonderland" {
			return authn.Subject{}, authn.ErrRejected
		}
		return authn.Subject{Name: r.Username, Stamp: "1"}, nil
	})
}

func login(users authn.Authenticator, password authn.Secret) {
	_, err := users.Authenticate(context.Background(), authn.Request{
		Username: "alice", Password: password, RemoteAddr: netip.MustParseAddr("192.0.2.1"),
	})
	switch refused := (*throttle.Error)(nil); {
	case err == nil:
		fmt.Printf("%s: 200\n", string(password))
	case errors.As(err, &refused):
		fmt.Printf("%s: 429, retry after %v\n", string(password), refused.RetryAfter.Round(time.Second))
	default:
		fmt.Printf("%s: 401\n", string(password))
	}
}

// Somebody guesses alice's password, and alice still logs in.
func ExampleNew() {
	throttled := throttle.New(authn.Cache(users(), authn.CacheConfig{}), throttle.Config{
		Pair:         throttle.Rule{Free: 3, FirstDelay: time.Minute},
		RefusalDelay: -1, // the example should not take long
	})
	login(throttled, "wonderland")
	for _, guess := range []authn.Secret{"123456", "password", "qwerty", "letmein"} {
		login(throttled, guess)
	}
	login(throttled, "wonderland")
	// Output:
	// wonderland: 200
	// 123456: 401
	// password: 401
	// qwerty: 401
	// letmein: 429, retry after 1m0s
	// wonderland: 200
}

// A server keeps one Store and one Key while it reloads its configuration, so that a reload forgets
// neither failures nor successes.
func ExampleConfig_reload() {
	config := throttle.Config{
		Store:        throttle.NewMemoryStore(100_000),
		Key:          authn.Secret(rand.Text() + rand.Text()),
		Pair:         throttle.Rule{Free: 2},
		RefusalDelay: -1,
	}
	throttled := throttle.New(users(), config)
	login(throttled, "wonderland")
	login(throttled, "123456")
	login(throttled, "password")

	throttled = throttle.New(users(), config) // after a reload
	login(throttled, "qwerty")
	login(throttled, "wonderland")
	// Output:
	// wonderland: 200
	// 123456: 401
	// password: 401
	// qwerty: 429, retry after 1s
	// wonderland: 200
}
