package authztest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
)

var alice = authn.Subject{Name: "alice"}

func policyFunc(decide func(r authz.Request) authz.Decision) authz.Authorizer {
	return authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
		return decide(r), nil
	})
}

func down() authz.Authorizer {
	return authz.Func(func(context.Context, authz.Request) (authz.Decision, error) {
		return authz.Decision{}, errors.New("down")
	})
}

func TestRunReportsWrongAnswers(t *testing.T) {
	pull := policyFunc(func(r authz.Request) authz.Decision {
		allowed := r.Scope.Intersect([]string{"pull", "delete"})
		return authz.Decision{Actions: allowed.Actions, Reason: "rule 7"}
	})
	greedy := policyFunc(func(authz.Request) authz.Decision {
		return authz.Decision{Actions: []string{"pull", "delete"}, Reason: "rule 8"}
	})
	noMatch := policyFunc(func(authz.Request) authz.Decision {
		return authz.Decision{Actions: []string{"pull"}, NoMatch: true}
	})
	for _, test := range []struct {
		name              string
		policy            authz.Authorizer
		asked, granted    string
		partsOfTheMessage []string // nil for a correct answer
	}{
		{"the expected answer", pull, "repository:a:pull,push", "pull", nil},
		{"the order does not matter", pull, "repository:a:delete,pull", "pull, delete", nil},
		{"an action that was not requested", greedy, "repository:a:pull", "pull", []string{
			`granted ["delete"], which was not requested`, "rule 8",
		}},
		{"no match grants nothing", noMatch, "repository:a:pull", "", nil},
		{"too much", pull, "repository:a:delete,pull", "pull", []string{
			`alice asks for "repository:a:delete,pull"`,
			"granted:  delete,pull\n", "expected: pull\n", "reason:   rule 7",
		}},
		{"too little", pull, "repository:a:pull,push", "pull,push", []string{
			"granted:  pull\n", "expected: pull,push\n", "reason:   rule 7",
		}},
		{"no match where a grant is expected", noMatch, "repository:a:pull", "pull", []string{
			"granted:  (none)", "reason:   no match",
		}},
		{"no decision", down(), "repository:a:pull", "", []string{"no decision: down"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked, want, err := parseGrant(test.asked, test.granted)
			if err != nil {
				t.Fatal(err)
			}
			got := check(t.Context(), test.policy, request(alice, asked, nil), want)
			if (got == "") != (test.partsOfTheMessage == nil) {
				t.Errorf("got %q, want something with %q", got, test.partsOfTheMessage)
			}
			for _, part := range test.partsOfTheMessage {
				if !strings.Contains(got, part) {
					t.Errorf("the message does not contain %q:\n%s", part, got)
				}
			}
		})
	}
}

func TestWrongCases(t *testing.T) {
	for name, test := range map[string]struct{ asked, granted, want string }{
		"a malformed scope":     {"repository:A:pull", "", "upper case 'A'"},
		"an unrequested action": {"repository:a:pull", "push", `does not ask for "push"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := parseGrant(test.asked, test.granted)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestOptionsReachThePolicy(t *testing.T) {
	var service, client string
	policy := policyFunc(func(r authz.Request) authz.Decision {
		service, client = r.Service, r.ClientID
		return authz.Decision{}
	})
	Run(t, policy, []Case{As(alice, Grants{"repository:a:pull": ""})},
		func(r *authz.Request) { r.Service = "registry.test" },
		func(r *authz.Request) { r.ClientID = "ci" })
	if service != "registry.test" || client != "ci" {
		t.Errorf("the policy saw service %q and client %q", service, client)
	}
}

// The token server asks about several scopes in one batch, so Run does as well.
func TestRunAsksLikeTheTokenServer(t *testing.T) {
	policy := &countingPolicy{}
	Run(t, policy, []Case{
		As(alice, Grants{"repository:a:pull": "pull", "repository:b:pull": "pull"}),
	})
	if policy.largest != 2 {
		t.Errorf("the largest batch has %d requests, want both", policy.largest)
	}
}

// countingPolicy counts its calls.
type countingPolicy struct{ alone, batches, largest int }

func (p *countingPolicy) Authorize(
	_ context.Context, r authz.Request,
) (authz.Decision, error) {
	p.alone++
	return authz.Decision{Actions: r.Scope.Intersect([]string{"pull"}).Actions}, nil
}

func (p *countingPolicy) AuthorizeBatch(
	_ context.Context, requests []authz.Request,
) ([]authz.Decision, error) {
	p.batches++
	p.largest = max(p.largest, len(requests))
	decisions := make([]authz.Decision, len(requests))
	for i, r := range requests {
		decisions[i].Actions = r.Scope.Intersect([]string{"pull"}).Actions
	}
	return decisions, nil
}
