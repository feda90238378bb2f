package authztest

import (
	"context"
	"errors"
	"net/netip"
	"slices"
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
			cases := []Case{As(alice, Grants{test.asked: test.granted})}
			got := questions(cases, nil)[0].check(t.Context(), test.policy)
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
			cases := []Case{As(alice, Grants{test.asked: test.granted})}
			got := questions(cases, nil)[0].check(t.Context(), authz.DenyAll())
			if !strings.HasPrefix(got, "wrong case: ") || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want a wrong case with %q", got, test.want)
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

func set(address, client, service string) func(*authz.Request) {
	return func(r *authz.Request) {
		r.RemoteAddr, r.ClientID, r.Service = netip.MustParseAddr(address), client, service
	}
}

func TestOptionsOfACaseComeAfterThoseOfRun(t *testing.T) {
	var seen []string
	policy := policyFunc(func(r authz.Request) authz.Decision {
		seen = append(seen, r.Service+" "+r.ClientID)
		return authz.Decision{}
	})
	Run(t, policy, []Case{
		As(alice, Grants{"repository:a:pull": ""},
			func(r *authz.Request) { r.Service = "mirror after " + r.Service }),
		As(alice, Grants{"repository:b:pull": ""}),
	}, set("10.0.0.1", "ci", "registry"))
	want := []string{"mirror after registry ci", "registry ci"}
	if !slices.Equal(seen, want) {
		t.Errorf("the policy saw %q, want %q", seen, want)
	}
}

func TestSubtestsOfOneSubjectHaveDifferentNames(t *testing.T) {
	bob := authn.Subject{Name: "bob", Labels: map[string][]string{"group": {"devs"}}}
	grants := Grants{"repository:a:pull": ""}
	got := questions([]Case{
		As(alice, grants),
		As(alice, grants, set("10.0.0.1", "", "")),
		As(alice, grants, set("::1", "docker", "registry.test")),
		As(bob, grants),
		As(bob, grants, func(r *authz.Request) { r.Subject.Labels["group"] = []string{"ops"} }),
		As(bob, grants),
	}, nil)
	for i, want := range []string{
		"alice asks for repository:a:pull",
		"alice from 10.0.0.1 asks for repository:a:pull",
		"alice from ::1 with docker at registry.test asks for repository:a:pull",
		"bob asks for repository:a:pull",
		"bob with map[group:[ops]] asks for repository:a:pull",
		"bob asks for repository:a:pull", // the option above has changed a copy
	} {
		if got[i].name != want {
			t.Errorf("got %q, want %q", got[i].name, want)
		}
	}
	if group := bob.Labels["group"][0]; group != "devs" {
		t.Errorf("the option changed the subject of all cases: %s", group)
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
