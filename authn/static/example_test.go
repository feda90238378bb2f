package static_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
)

func Example() {
	hash, err := password.NewHash("wonderland") // in a configuration there is the hash, not the password
	if err != nil {
		fmt.Println(err)
		return
	}
	users, err := static.New(
		static.User{Name: "alice", PasswordHash: hash, Labels: map[string][]string{"group": {"devs"}}},
	)
	if err != nil {
		fmt.Println(err)
		return
	}

	subject, err := users.Authenticate(context.Background(), authn.Request{Username: "alice", Password: "wonderland"})
	fmt.Println(subject.Name, subject.Labels, err)
	_, err = users.Authenticate(context.Background(), authn.Request{Username: "alice", Password: "looking-glass"})
	fmt.Println(errors.Is(err, authn.ErrRejected))
	// Output:
	// alice map[group:[devs]] <nil>
	// true
}

// Several lists behind one another share one bound on password checks.
func ExampleConfig() {
	hash, err := password.NewHash("wonderland")
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg := static.Config{Checker: &password.Checker{}}
	people, err := cfg.New(static.User{Name: "alice", PasswordHash: hash})
	if err != nil {
		fmt.Println(err)
		return
	}
	robots, err := cfg.New(static.User{Name: "builder", PasswordHash: hash, Kind: authn.KindServiceAccount})
	if err != nil {
		fmt.Println(err)
		return
	}
	users := authn.Chain(people, robots)

	subject, err := users.Authenticate(context.Background(), authn.Request{Username: "builder", Password: "wonderland"})
	fmt.Println(subject.Name, "is a", subject.Kind, err)
	fmt.Println("passwords compared:", cfg.Checker.Stats().Compared)
	// Output:
	// builder is a service account <nil>
	// passwords compared: 1
}
