package authz_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/authz/authztest"
	"github.com/berthpass/registry-auth/scope"
)

// forbid grants some actions of a request, as a rule that forbids does.
func forbid(actions ...string) authz.Authorizer {
	return authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
		return authz.Decision{Actions: r.Scope.Intersect(actions).Actions, Reason: "forbidden"}, nil
	})
}

func TestExcept(t *testing.T) {
	broken := authz.Func(func(context.Context, authz.Request) (authz.Decision, error) {
		return authz.Decision{}, errors.New("down")
	})
	all := authz.AllowAll()
	for name, test := range map[string]struct {
		policy, forbidden authz.Authorizer
		asked, want       string
	}{
		"nothing forbidden":                {all, noMatch(), "pull,push", "pull,push (everything is allowed)"},
		"a refusal forbids nothing":        {all, says("no"), "pull,push", "pull,push (everything is allowed)"},
		"one action":                       {all, forbid("push"), "pull,push", "pull (forbidden)"},
		"all":                              {all, all, "pull,push", " (everything is allowed)"},
		"another action":                   {all, forbid("push"), "pull", "pull (everything is allowed)"},
		"a star is every action":           {all, forbid("push"), "*", " (forbidden)"},
		"a star beside another":            {all, forbid("push"), "*,pull", "pull (forbidden)"},
		"a star is an action of one's own": {all, forbid("view"), "*,pull", "pull (forbidden)"},
		"a star that nobody forbids": {
			all, noMatch(), "*,pull", "*,pull (everything is allowed)",
		},
		"everything, by a star": {all, says("forbidden", "*"), "pull,push", " (forbidden)"},
		"more than was asked": {
			all, says("forbidden", "push"), "pull", "pull (everything is allowed)",
		},
		"no match":                  {noMatch(), noMatch(), "pull", "no match"},
		"no match, forbidden":       {noMatch(), forbid("pull"), "pull", " (forbidden)"},
		"no match, another":         {noMatch(), forbid("push"), "pull", "no match"},
		"refused for another cause": {says("not yours"), forbid("push"), "pull", " (not yours)"},
		"the policy is down":        {broken, noMatch(), "pull", "error: down"},
		"what forbids is down":      {all, broken, "pull", "error: down"},
	} {
		t.Run(name, func(t *testing.T) {
			policy := authz.Except(test.policy, test.forbidden)
			r := request(t, alice, "repository:team/app:"+test.asked)
			want := test.want
			if d, err := policy.Authorize(t.Context(), r); err == nil && !d.NoMatch {
				want = "repository:team/app:" + want
			}
			if got := decided(t, policy, r); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
	if r := request(t, alice, "repository:a:*"); len(r.Scope.Actions) != 1 {
		t.Fatal("the request was changed")
	}
	authztest.CheckInvariants(t, authz.Except(all, forbid("push")), []authn.Subject{alice})
}

func ExampleExcept() {
	office := netip.MustParsePrefix("10.0.0.0/8")
	outside := authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
		if office.Contains(r.RemoteAddr) { // not of an unknown address
			return authz.Decision{NoMatch: true}, nil
		}
		forbidden := r.Scope.Intersect([]string{scope.ActionPush, scope.ActionDelete})
		return authz.Decision{Actions: forbidden.Actions, Reason: "only in the office"}, nil
	})
	policy := authz.Except(authz.OwnNamespace(), outside)
	asked, err := scope.Parse("repository:alice/app:pull,push")
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := policy.Authorize(context.Background(), authz.Request{
		Subject: authn.Subject{Name: "alice"}, Scope: asked,
	})
	fmt.Println(d.Actions, d.Reason, err)
	// Output: [pull] only in the office <nil>
}
