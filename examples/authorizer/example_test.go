package authorizer_test

import (
	"context"
	"fmt"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/examples/authorizer"
	"github.com/berthpass/registry-auth/scope"
)

// A policy asks the licences first. What is not a product is decided by the next authorizer.
func Example() {
	until := map[string]map[string]time.Time{"acme": {"database": time.Now()}}
	licences := authorizer.Licences{LastDay: until, Now: time.Now}
	policy := authz.First(licences, authz.OwnNamespace()) // the auth.Config.Authorizer

	acme := authn.Subject{Name: "acme"}
	for _, asked := range []string{
		"repository:products/database:pull,push",
		"repository:acme/app:push",
	} {
		s, _ := scope.Parse(asked)
		decision, err := policy.Authorize(context.Background(), authz.Request{Subject: acme, Scope: s})
		fmt.Println(asked, "->", decision.Actions, err)
	}
	// Output:
	// repository:products/database:pull,push -> [pull] <nil>
	// repository:acme/app:push -> [push] <nil>
}
