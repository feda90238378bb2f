package authztest

import (
	"context"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
)

type tenantKey struct{}

func ofAcme(ctx context.Context) context.Context {
	return context.WithValue(ctx, tenantKey{}, "acme")
}

func TestWithContextReachesThePolicy(t *testing.T) {
	tenants := authz.Func(func(ctx context.Context, r authz.Request) (authz.Decision, error) {
		tenant, _ := ctx.Value(tenantKey{}).(string)
		return authz.Decision{Actions: r.Scope.Actions, NoMatch: r.Scope.Name != tenant}, nil
	})
	for name, policy := range map[string]authz.Authorizer{
		"a policy without batches": tenants,
		"a policy with batches":    authz.First(tenants),
	} {
		t.Run(name, func(t *testing.T) {
			Run(t, WithContext(policy, ofAcme), []Case{
				As(alice, Grants{"repository:acme:pull": "pull", "repository:globex:pull": ""}),
			})
		})
	}
}

func TestWithContextKeepsBatches(t *testing.T) {
	policy := &countingPolicy{}
	CheckInvariants(t, WithContext(policy, ofAcme), []authn.Subject{alice})
	if calls := policy.alone + policy.batches; policy.largest < 100 || calls > 25 {
		t.Errorf("%d calls to the policy, the largest batch has %d", calls, policy.largest)
	}
}

// An Authorize method that contradicts the batch is still found.
func TestWithContextHidesNoViolation(t *testing.T) {
	policy := WithContext(authorizeOnly{}, ofAcme)
	found := violations(t.Context(), policy, invariantRequests([]authn.Subject{alice}, nil))
	const want = "answered pull ((none)) alone"
	if !strings.Contains(strings.Join(found, "\n"), want) {
		t.Errorf("none of %d violations contains %q", len(found), want)
	}
}
