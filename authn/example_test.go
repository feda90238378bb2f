package authn_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
)

// People with passwords, and CI jobs with tokens.
func Example() {
	hash, err := password.NewHash("wonderland")
	if err != nil {
		fmt.Println(err)
		return
	}
	people, err := static.New(static.Config{
		Users: []static.User{{Name: "alice", PasswordHash: hash}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	jobs := authn.Func(func(_ context.Context, r authn.Request) (authn.Subject, error) {
		if !strings.HasPrefix(r.Username, "job-") {
			return authn.Subject{}, authn.ErrNoMatch
		}
		if r.Password != "token" {
			return authn.Subject{}, authn.ErrRejected
		}
		return authn.Subject{Name: r.Username, Kind: authn.KindServiceAccount}, nil
	})
	// Tokens are checked each time, which is fast. Passwords are remembered.
	users := authn.Chain(jobs, authn.Cache(people, authn.CacheConfig{}))

	for _, r := range []authn.Request{
		{Username: "alice", Password: "wonderland"},
		{Username: "job-17", Password: "token"},
		{Username: "job-17", Password: "wrong"},
		{Username: "mallory", Password: "wonderland"},
	} {
		subject, err := users.Authenticate(context.Background(), r)
		switch {
		case err == nil:
			fmt.Printf("%s is a %s\n", subject.Name, subject.Kind)
		case errors.Is(err, authn.ErrRejected), errors.Is(err, authn.ErrNoMatch):
			fmt.Printf("%s: 401\n", r.Username)
		default:
			fmt.Printf("%s: 503\n", r.Username)
		}
	}
	// Output:
	// alice is a user
	// job-17 is a service account
	// job-17: 401
	// mallory: 401
}
