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
	return authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) { return decide(r), nil })
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	pull := policyFunc(func(authz.Request) authz.Decision {
		return authz.Decision{Actions: []string{"pull", "delete"}, Reason: "rule 7"}
	})
	noMatch := policyFunc(func(authz.Request) authz.Decision {
		return authz.Decision{Actions: []string{"pull"}, NoMatch: true}
	})
	broken := authz.Func(func(context.Context, authz.Request) (authz.Decision, error) {
		return authz.Decision{}, errors.New("down")
	})
	for name, test := range map[string]struct {
		policy         authz.Authorizer
		asked, granted string
		want           []string // all of these are in the message; none means that nothing is wrong
	}{
		"an answer as expected":          {pull, "repository:a:pull,push", "pull", nil},
		"the order does not matter":      {pull, "repository:a:delete,pull", "pull, delete", nil},
		"more than asked is cut":         {pull, "repository:a:pull", "pull", nil},
		"no match grants nothing":        {noMatch, "repository:a:pull", "", nil},
		"too much":                       {pull, "repository:a:delete,pull", "pull", []string{"alice asks repository:a:delete,pull", "granted: delete,pull", "expected: pull", "too much: delete", "reason: rule 7"}},
		"too little":                     {pull, "repository:a:pull,push", "pull,push", []string{"missing: push", "reason: rule 7"}},
		"no match where there is one":    {noMatch, "repository:a:pull", "pull", []string{"granted: (none)", "reason: no match"}},
		"no decision":                    {broken, "repository:a:pull", "", []string{"no decision: down"}},
		"a malformed scope":              {pull, "repository:A:pull", "", []string{"the table is wrong", "upper case"}},
		"a grant that was not asked for": {pull, "repository:a:pull", "push", []string{"the table is wrong", `does not ask for "push"`}},
	} {
		t.Run(name, func(t *testing.T) {
			got := check(t.Context(), test.policy, alice, test.asked, test.granted, nil)
			if (got == "") != (test.want == nil) {
				t.Errorf("got %q, want something of %q", got, test.want)
			}
			for _, part := range test.want {
				if !strings.Contains(got, part) {
					t.Errorf("the message does not contain %q:\n%s", part, got)
				}
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
	Run(t, policy, Table{As(alice, Grants{"repository:a:pull": ""})}, ForService("registry.test"), With(func(r *authz.Request) { r.ClientID = "ci" }))
	if service != "registry.test" || client != "ci" {
		t.Errorf("the policy saw service %q and client %q", service, client)
	}
}

func TestViolations(t *testing.T) {
	asked := 0
	for name, test := range map[string]struct {
		policy authz.Authorizer
		want   string // in some message; empty means that there is none
	}{
		"a sound policy": {authz.First(authz.PublicPull("public"), authz.OwnNamespace()), ""},
		"one that grants more than asked": {policyFunc(func(authz.Request) authz.Decision {
			return authz.Decision{Actions: []string{"pull", "push"}, Reason: "generous"}
		}), `granted ["push"], which was not asked for (generous)`},
		"one that changes its mind": {policyFunc(func(r authz.Request) authz.Decision {
			asked++
			return authz.Decision{Actions: r.Scope.Actions[:0], NoMatch: asked%2 == 0}
		}), "when asked again"},
		"one that panics": {policyFunc(func(r authz.Request) authz.Decision {
			_ = r.Scope.Name[0]
			return authz.Decision{}
		}), "panic: runtime error: index out of range"},
		"one that fails on a hostile name": {authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
			if strings.Contains(r.Scope.Name, "(") {
				return authz.Decision{}, errors.New("bad pattern")
			}
			return authz.Decision{}, nil
		}), "no decision: bad pattern"},
		"one that changes the request": {policyFunc(func(r authz.Request) authz.Decision {
			if len(r.Scope.Actions) > 0 {
				r.Scope.Actions[0] = "delete"
			}
			return authz.Decision{}
		}), "changed the actions"},
		"one that changes the labels": {policyFunc(func(r authz.Request) authz.Decision {
			if r.Subject.Labels != nil {
				r.Subject.Labels["seen"] = []string{"yes"}
			}
			return authz.Decision{}
		}), "changed the labels"},
		"a batch that answers otherwise": {sloppyBatch{}, "answered pull ((none)) alone, (none) ((none)) in a batch of one"},
		"a batch that is too short":      {shortBatch{}, " decisions for "},
		"a batch that panics":            {panickingBatch{}, "asked about everything at once: panic"},
	} {
		t.Run(name, func(t *testing.T) {
			found := violations(t.Context(), test.policy, questions([]authn.Subject{{}, alice}, nil))
			if test.want == "" && len(found) > 0 {
				t.Errorf("found fault with a sound policy: %s", found[0])
			}
			if test.want != "" && !strings.Contains(strings.Join(found, "\n"), test.want) {
				t.Errorf("no violation says %q, but there are %d", test.want, len(found))
			}
		})
	}
}

// sloppyBatch grants pull alone and nothing in a batch.
type sloppyBatch struct{}

func (sloppyBatch) Authorize(_ context.Context, r authz.Request) (authz.Decision, error) {
	return authz.Decision{Actions: r.Scope.Intersect([]string{"pull"}).Actions}, nil
}

func (sloppyBatch) AuthorizeBatch(_ context.Context, requests []authz.Request) ([]authz.Decision, error) {
	return make([]authz.Decision, len(requests)), nil
}

// panickingBatch refuses alone and panics in a batch.
type panickingBatch struct{ sloppyBatch }

func (panickingBatch) AuthorizeBatch(context.Context, []authz.Request) ([]authz.Decision, error) {
	panic("a bug")
}

// shortBatch forgets the last request.
type shortBatch struct{ sloppyBatch }

func (shortBatch) AuthorizeBatch(_ context.Context, requests []authz.Request) ([]authz.Decision, error) {
	return make([]authz.Decision, len(requests)-1), nil
}

// The token server asks about several scopes at once, so a table has to as well.
func TestTableAsksAsTheServerDoes(t *testing.T) {
	table := Table{As(alice, Grants{"repository:a:pull": "", "repository:b:pull": ""})}
	if found := batchViolations(t.Context(), sloppyBatch{}, table.requests(nil)); len(found) != 2 {
		t.Errorf("found %q, want one for each question", found)
	}
}

func TestLongNamesAreCutInMessages(t *testing.T) {
	policy := policyFunc(func(authz.Request) authz.Decision { return authz.Decision{Actions: []string{"made-up"}} })
	for _, message := range violations(t.Context(), policy, questions([]authn.Subject{alice}, nil)) {
		if len(message) > 1000 {
			t.Fatalf("a message has %d bytes", len(message))
		}
	}
}
