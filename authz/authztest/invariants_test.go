package authztest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

func TestViolations(t *testing.T) {
	calls := 0
	for _, test := range []struct {
		name   string
		policy authz.Authorizer
		want   string // part of some message; empty for a sound policy
	}{
		{"a sound policy", authz.First(authz.PublicPull("public"), authz.OwnNamespace()), ""},
		{"a sound policy without batches", authz.OwnNamespace(), ""},
		{
			"it grants more than requested",
			policyFunc(func(authz.Request) authz.Decision {
				return authz.Decision{Actions: []string{"pull", "push"}, Reason: "generous"}
			}),
			`granted ["push"], which was not requested (generous)`,
		},
		{
			"it does not repeat its answer",
			policyFunc(func(r authz.Request) authz.Decision {
				calls++
				return authz.Decision{Actions: r.Scope.Actions[:0], NoMatch: calls%2 == 0}
			}),
			"when asked again",
		},
		{
			"it panics",
			policyFunc(func(r authz.Request) authz.Decision {
				_ = r.Scope.Name[0]
				return authz.Decision{}
			}),
			`asks for "repository::pull": panic: runtime error: index out of range`,
		},
		{
			"it fails on a hostile name",
			authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
				if strings.Contains(r.Scope.Name, "(") {
					return authz.Decision{}, errors.New("bad pattern")
				}
				return authz.Decision{}, nil
			}),
			`no decision: bad pattern`,
		},
		{
			"it changes the actions",
			policyFunc(func(r authz.Request) authz.Decision {
				if len(r.Scope.Actions) > 0 {
					r.Scope.Actions[0] = "delete"
				}
				return authz.Decision{}
			}),
			"changed the request",
		},
		{
			"it changes the labels",
			policyFunc(func(r authz.Request) authz.Decision {
				if r.Subject.Labels != nil {
					r.Subject.Labels["seen"] = []string{"yes"}
				}
				return authz.Decision{}
			}),
			"changed the request",
		},
		{
			"it changes the limit",
			policyFunc(func(r authz.Request) authz.Decision {
				if r.Subject.Limit != nil {
					r.Subject.Limit.Scopes[0].Actions[0] = "push"
				}
				return authz.Decision{}
			}),
			"changed the request",
		},
		{
			"it needs a subject with Data",
			policyFunc(func(r authz.Request) authz.Decision {
				r.Subject.Data.(func())()
				return authz.Decision{}
			}),
			"panic: interface conversion",
		},
		{
			"it answers differently in a batch",
			authorizeOnly{},
			"answered pull ((none)) alone, (none) ((none)) in a batch of one",
		},
		{"it answers differently among others", dependsOnSize{}, "in a batch of one, (none)"},
		{"its answers depend on their order", dependsOnOrder{}, "when asked again"},
		{"its batch is too short", shortBatch{}, " decisions for "},
		{"its batch panics", panickingBatch{}, "panic: a bug"},
		{"only its large batches panic", panickingLargeBatch{}, "all at once: panic: a bug"},
	} {
		t.Run(test.name, func(t *testing.T) {
			requests := invariantRequests([]authn.Subject{{}, alice, limited()}, nil)
			found := violations(t.Context(), test.policy, requests)
			if test.want == "" && len(found) > 0 {
				t.Errorf("found fault with a sound policy: %s", found[0])
			}
			if test.want != "" && !strings.Contains(strings.Join(found, "\n"), test.want) {
				t.Errorf("none of %d violations contains %q", len(found), test.want)
			}
		})
	}
}

// limited returns a subject with a limit, and with Data that cannot be compared.
func limited() authn.Subject {
	return authn.Subject{
		Name: "limited",
		Limit: &authn.Limit{Scopes: []scope.Scope{{
			Type: "repository", Name: "team/app", Actions: []string{"pull"},
		}}},
		Data:       func() {},
		ValidUntil: time.Now(),
	}
}

// An engine is a network away, so hundreds of requests must not be hundreds of calls.
func TestCheckInvariantsMakesFewCallsToABatchAuthorizer(t *testing.T) {
	policy := &countingPolicy{}
	CheckInvariants(t, policy, []authn.Subject{alice})
	if asked := len(invariantRequests([]authn.Subject{alice}, nil)); policy.largest != asked {
		t.Errorf("the largest batch has %d requests, want all %d", policy.largest, asked)
	}
	if calls := policy.alone + policy.batches; calls > 25 {
		t.Errorf("%d calls to the policy", calls)
	}
}

// One failing request fails the whole batch, but the message names only that request.
func TestViolationsNameTheFailingRequests(t *testing.T) {
	policy := authz.First(authz.Func(
		func(_ context.Context, r authz.Request) (authz.Decision, error) {
			if r.Scope.Name == "(" && r.Subject.Name == "mallory" {
				return authz.Decision{}, errors.New("bad pattern")
			}
			return authz.Decision{}, nil
		}))
	found := violations(t.Context(), policy, invariantRequests([]authn.Subject{alice}, nil))
	if len(found) != 1 || !strings.HasPrefix(found[0], `mallory asks for "repository:(:`) {
		t.Errorf("got %q, want one message about mallory and (", found)
	}
}

func TestLongNamesAreShortenedInMessages(t *testing.T) {
	policy := policyFunc(func(authz.Request) authz.Decision {
		return authz.Decision{Actions: []string{"made-up"}}
	})
	found := violations(t.Context(), policy, invariantRequests([]authn.Subject{alice}, nil))
	if len(found) == 0 {
		t.Fatal("no message")
	}
	for _, message := range found {
		if len(message) > 1000 {
			t.Fatalf("a message has %d bytes", len(message))
		}
	}
}

// authorizeOnly grants pull alone and nothing in a batch.
type authorizeOnly struct{}

func (authorizeOnly) Authorize(_ context.Context, r authz.Request) (authz.Decision, error) {
	return authz.Decision{Actions: r.Scope.Intersect([]string{"pull"}).Actions}, nil
}

func (authorizeOnly) AuthorizeBatch(
	_ context.Context, requests []authz.Request,
) ([]authz.Decision, error) {
	return make([]authz.Decision, len(requests)), nil
}

// dependsOnSize grants pull alone and in a batch of one, but nothing in a larger batch.
type dependsOnSize struct{ authorizeOnly }

func (p dependsOnSize) AuthorizeBatch(
	ctx context.Context, requests []authz.Request,
) ([]authz.Decision, error) {
	decisions := make([]authz.Decision, len(requests))
	if len(requests) == 1 {
		decisions[0], _ = p.Authorize(ctx, requests[0])
	}
	return decisions, nil
}

// dependsOnOrder has no match for the first request of a batch.
type dependsOnOrder struct{ authorizeOnly }

func (dependsOnOrder) AuthorizeBatch(
	_ context.Context, requests []authz.Request,
) ([]authz.Decision, error) {
	decisions := make([]authz.Decision, len(requests))
	decisions[0].NoMatch = true
	return decisions, nil
}

// shortBatch omits the last request.
type shortBatch struct{ authorizeOnly }

func (shortBatch) AuthorizeBatch(
	_ context.Context, requests []authz.Request,
) ([]authz.Decision, error) {
	return make([]authz.Decision, len(requests)-1), nil
}

// panickingBatch refuses alone and panics in a batch.
type panickingBatch struct{ authorizeOnly }

func (panickingBatch) AuthorizeBatch(context.Context, []authz.Request) ([]authz.Decision, error) {
	panic("a bug")
}

// panickingLargeBatch panics in a batch of more than one request.
type panickingLargeBatch struct{ authorizeOnly }

func (panickingLargeBatch) AuthorizeBatch(
	_ context.Context, requests []authz.Request,
) ([]authz.Decision, error) {
	if len(requests) > 1 {
		panic("a bug")
	}
	return make([]authz.Decision, 1), nil
}
