package authztest_test

import (
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/authz/authztest"
)

// A policy and its test.
func TestPolicy(t *testing.T) {
	policy := authz.ByType{
		"repository": authz.First(authz.PublicPull("public"), authz.OwnNamespace()),
		"registry":   authz.Catalog("admin"),
	}
	anonymous, alice := authn.Subject{}, authn.Subject{Name: "alice"}
	admin := authn.Subject{Name: "admin"}
	public := authn.Subject{Name: "public"} // named like the shared namespace

	authztest.Run(t, policy, []authztest.Case{
		authztest.As(anonymous, authztest.Grants{
			"repository:public/app:pull,push": "pull",
			"repository:alice/app:pull":       "",
		}),
		authztest.As(alice, authztest.Grants{
			"repository:alice/app:pull,push,delete": "pull,push,delete",
			"repository:bob/app:pull":               "",
			"registry:catalog:*":                    "",
		}),
		authztest.As(admin, authztest.Grants{
			"registry:catalog:*": "*",
			"repository::pull":   "pull",
		}),
		authztest.As(public, authztest.Grants{
			"repository:public/app:pull,push": "pull",
		}),
	}, func(r *authz.Request) { r.Service = "registry.test" })

	authztest.CheckInvariants(t, policy, []authn.Subject{anonymous, alice, admin})
}
