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
	hash, err := password.NewHash("wonderland") // a configuration has the hash, not the password
	if err != nil {
		fmt.Println(err)
		return
	}
	users, err := static.New(static.Config{Users: []static.User{
		{Name: "alice", PasswordHash: hash, Labels: map[string][]string{"group": {"devs"}}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}

	r := authn.Request{Username: "alice", Password: "wonderland"}
	subject, err := users.Authenticate(context.Background(), r)
	fmt.Println(subject.Name, subject.Labels, err)
	r.Password = "looking-glass"
	_, err = users.Authenticate(context.Background(), r)
	fmt.Println(errors.Is(err, authn.ErrRejected))
	// Output:
	// alice map[group:[devs]] <nil>
	// true
}

// All sources of users of a process share one Checker.
func ExampleConfig() {
	hash, err := password.NewHash("wonderland")
	if err != nil {
		fmt.Println(err)
		return
	}
	checker := &password.Checker{}
	people, err := static.New(static.Config{
		Users:   []static.User{{Name: "alice", PasswordHash: hash}},
		Checker: checker,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	robots, err := static.New(static.Config{
		Users: []static.User{
			{Name: "builder", PasswordHash: hash, Kind: authn.KindServiceAccount},
		},
		Checker: checker,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	users := authn.Chain(people, robots)

	r := authn.Request{Username: "builder", Password: "wonderland"}
	subject, err := users.Authenticate(context.Background(), r)
	fmt.Println(subject.Name, "is a", subject.Kind, err)
	fmt.Println("passwords compared:", checker.Stats().Compared)
	// Output:
	// builder is a service account <nil>
	// passwords compared: 1
}
