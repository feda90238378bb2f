package authz_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

func Example() {
	staff := authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
		if !slices.Contains(r.Subject.Labels["group"], "staff") {
			return authz.Decision{NoMatch: true}, nil
		}
		allowed := r.Scope.Intersect([]string{"pull"})
		return authz.Decision{Actions: allowed.Actions, Reason: "staff may pull"}, nil
	})
	policy := authz.ByType{
		"repository": authz.First(authz.PublicPull("public"), authz.OwnNamespace(), staff),
		"registry":   authz.Catalog("admin"),
	}

	alice := authn.Subject{Name: "alice", Labels: map[string][]string{"group": {"staff"}}}
	asked, _ := scope.ParseList(
		"repository:alice/app:pull,push", "repository:team/app:pull,push", "registry:catalog:*",
	)
	for _, s := range asked {
		r := authz.Request{Subject: alice, Scope: s}
		d, err := policy.Authorize(context.Background(), r)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %v (%s)\n", s, d.Actions, d.Reason)
	}
	// Output:
	// repository:alice/app:pull,push: [pull push] (own namespace)
	// repository:team/app:pull,push: [pull] (staff may pull)
	// registry:catalog:*: [] (the catalog is for listed users)
}
