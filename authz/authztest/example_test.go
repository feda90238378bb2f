package authztest_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/authz/authztest"
)

// outside refuses requests from other networks.
var outside = authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
	if netip.MustParsePrefix("10.0.0.0/8").Contains(r.RemoteAddr) {
		return authz.Decision{NoMatch: true}, nil
	}
	return authz.Decision{Reason: "from outside"}, nil
})

type tenantKey struct{}

// tenant grants users pull from the tenant that a middleware has put into the context.
var tenant = authz.Func(func(ctx context.Context, r authz.Request) (authz.Decision, error) {
	tenant, found := ctx.Value(tenantKey{}).(string)
	if !found || r.Subject.Anonymous() || !strings.HasPrefix(r.Scope.Name, tenant+"/") {
		return authz.Decision{NoMatch: true}, nil
	}
	allowed := r.Scope.Intersect([]string{"pull"})
	return authz.Decision{Actions: allowed.Actions, Reason: "tenant"}, nil
})

func newPolicy(rules []authz.Authorizer) (authz.Authorizer, error) {
	return authz.First(rules...), nil
}

// A policy and its test.
func TestPolicy(t *testing.T) {
	rules := []authz.Authorizer{
		authz.PublicPull("public"),
		outside,
		authz.Catalog("admin"),
		authz.ByService{"mirror.test": authz.OwnNamespace("pull")},
		tenant,
		authz.OwnNamespace(),
	}
	ofTenant := func(rules []authz.Authorizer) (authz.Authorizer, error) {
		policy, err := newPolicy(rules)
		return authztest.WithContext(policy, func(ctx context.Context) context.Context {
			return context.WithValue(ctx, tenantKey{}, "acme")
		}), err
	}
	policy, err := ofTenant(rules)
	if err != nil {
		t.Fatal(err)
	}

	anonymous, alice := authn.Subject{}, authn.Subject{Name: "alice"}
	admin := authn.Subject{Name: "admin"}
	public := authn.Subject{Name: "public"} // named like the shared namespace
	from := func(address string) func(*authz.Request) {
		return func(r *authz.Request) { r.RemoteAddr = netip.MustParseAddr(address) }
	}
	at := func(service string) func(*authz.Request) {
		return func(r *authz.Request) { r.Service = service }
	}

	cases := []authztest.Case{
		authztest.As(anonymous, authztest.Grants{
			"repository:public/app:pull,push": "pull",
			"repository:alice/app:pull":       "",
			"repository:acme/app:pull":        "",
		}),
		authztest.As(alice, authztest.Grants{
			"repository:alice/app:pull,push,delete": "pull,push,delete",
			"repository:acme/app:pull,push":         "pull",
			"repository:bob/app:pull":               "",
			"registry:catalog:*":                    "",
		}),
		authztest.As(alice, authztest.Grants{
			"repository:alice/app:pull":  "",
			"repository:public/app:pull": "pull",
		}, from("192.0.2.7")),
		authztest.As(alice, authztest.Grants{
			"repository:alice/app:pull,push": "pull",
		}, at("mirror.test")),
		authztest.As(admin, authztest.Grants{
			"registry:catalog:*": "*",
			"repository::pull":   "pull",
		}),
		authztest.As(public, authztest.Grants{
			"repository:public/app:pull,push": "pull",
		}),
	}
	matrix := authztest.Matrix{
		Services:  []string{"registry.test", "mirror.test"},
		Subjects:  []authn.Subject{anonymous, alice, admin},
		Resources: []string{"alice/app", "acme/app", "public/app", "registry:catalog"},
	}
	inside := from("10.1.2.3")
	authztest.Run(t, policy, cases, inside, at("registry.test"))
	authztest.Golden(t, policy, matrix, "testdata/policy.txt", inside)
	authztest.CheckInvariants(t, policy, matrix.Subjects, inside)
	authztest.Mutants(t, rules, ofTenant, cases, matrix, inside)
}
