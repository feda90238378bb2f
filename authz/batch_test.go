package authz_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/berthpass/registry-auth/authz"
)

// engine is a remote engine. It records its round trips.
type engine struct {
	batches [][]string
	answer  func(requests []authz.Request) ([]authz.Decision, error)
}

func (e *engine) Authorize(context.Context, authz.Request) (authz.Decision, error) {
	return authz.Decision{}, errors.New("Authorize is called on a BatchAuthorizer")
}

func (e *engine) AuthorizeBatch(
	_ context.Context, requests []authz.Request,
) ([]authz.Decision, error) {
	var names []string
	for _, r := range requests {
		names = append(names, r.Scope.Name)
	}
	e.batches = append(e.batches, names)
	return e.answer(requests)
}

func pullAll(requests []authz.Request) ([]authz.Decision, error) {
	decisions := make([]authz.Decision, len(requests))
	for i, r := range requests {
		reason := "engine on " + r.Scope.Name
		decisions[i] = authz.Decision{Actions: []string{"pull"}, Reason: reason}
	}
	return decisions, nil
}

// combinators are policies with an engine in them, and the requests that reach it.
func combinators(e *engine) map[string]struct {
	policy authz.Authorizer
	want   []string
} {
	type row = struct {
		policy authz.Authorizer
		want   []string
	}
	all := []string{"alice/app", "b", "catalog", "c"}
	return map[string]row{
		"First asks about the open requests": {
			authz.First(authz.OwnNamespace(), e), []string{"b", "catalog", "c"},
		},
		"Any asks about all requests": {authz.Any(authz.OwnNamespace(), e), all},
		"All asks about all requests": {authz.All(authz.AllowAll(), e), all},
		"ByType asks about its type": {
			authz.ByType{"repository": e}, []string{"alice/app", "b", "c"},
		},
		"nested combinators ask once": {
			authz.ByService{"registry.test": authz.First(noMatch(), e)}, all,
		},
	}
}

func TestCombinatorsPassBatchesOn(t *testing.T) {
	e := &engine{answer: pullAll}
	for name, test := range combinators(e) {
		t.Run(name, func(t *testing.T) {
			e.batches = nil
			decisions, err := authz.AuthorizeBatch(t.Context(), test.policy, []authz.Request{
				request(t, alice, "repository:alice/app:pull"),
				request(t, alice, "repository:b:pull"),
				request(t, alice, "registry:catalog:*"),
				request(t, alice, "repository:c:pull"),
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(e.batches) != 1 || !slices.Equal(e.batches[0], test.want) {
				t.Errorf("the engine is asked %q, want one batch %q", e.batches, test.want)
			}
			if len(decisions) != 4 {
				t.Fatalf("%d decisions for 4 requests", len(decisions))
			}
			if last := decisions[3]; !slices.Equal(last.Actions, []string{"pull"}) {
				t.Errorf("the decision about c is %+v: decisions are out of order", last)
			}
		})
	}
}

// An engine whose Authorize always fails has to implement only AuthorizeBatch well.
func TestOneRequestIsABatchOfOne(t *testing.T) {
	e := &engine{answer: pullAll}
	r := request(t, alice, "repository:b:pull")
	want := [][]string{{"b"}}
	check := func(t *testing.T, decisions []authz.Decision, err error) {
		t.Helper()
		pull := []string{"pull"}
		if err != nil || len(decisions) != 1 || !slices.Equal(decisions[0].Actions, pull) {
			t.Errorf("got %+v, %v", decisions, err)
		}
		if !slices.EqualFunc(e.batches, want, slices.Equal) {
			t.Errorf("the engine is asked %q, want %q", e.batches, want)
		}
		e.batches = nil
	}
	t.Run("the engine itself", func(t *testing.T) {
		decisions, err := authz.AuthorizeBatch(t.Context(), e, []authz.Request{r})
		check(t, decisions, err)
	})
	for name, test := range combinators(e) {
		t.Run(name, func(t *testing.T) {
			decisions, err := authz.AuthorizeBatch(t.Context(), test.policy, []authz.Request{r})
			check(t, decisions, err)
			decision, err := test.policy.Authorize(t.Context(), r)
			check(t, []authz.Decision{decision}, err)
		})
	}
}

func TestAuthorizeBatchRejectsAWrongNumberOfDecisions(t *testing.T) {
	for name, count := range map[string]int{"too few": 1, "too many": 3} {
		t.Run(name, func(t *testing.T) {
			e := &engine{answer: func([]authz.Request) ([]authz.Decision, error) {
				return make([]authz.Decision, count), nil
			}}
			decisions, err := authz.AuthorizeBatch(t.Context(), e, []authz.Request{
				request(t, alice, "repository:a:pull"), request(t, alice, "repository:b:pull"),
			})
			if err == nil || decisions != nil {
				t.Errorf("got %v, %v, want an error", decisions, err)
			}
		})
	}
}

func TestAuthorizeBatchDoesNotAskAboutNothing(t *testing.T) {
	e := &engine{answer: pullAll}
	decisions, err := authz.AuthorizeBatch(t.Context(), e, nil)
	if err != nil || len(decisions) != 0 || len(e.batches) != 0 {
		t.Errorf("got %v, %v after %d batches", decisions, err, len(e.batches))
	}
}

func TestAuthorizeBatchOneByOneStopsAtAnError(t *testing.T) {
	requests := []authz.Request{request(t, alice, "repository:a:pull")}
	decisions, err := authz.AuthorizeBatch(t.Context(), broken(), requests)
	if !errors.Is(err, errBroken) || decisions != nil {
		t.Errorf("got %v, %v, want only the engine's error", decisions, err)
	}
}
