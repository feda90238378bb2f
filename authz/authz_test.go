package authz_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

var (
	anonymous = authn.Subject{}
	alice     = authn.Subject{Name: "alice"}
	robot     = authn.Subject{Name: "alice", Kind: authn.KindServiceAccount}
)

func request(t *testing.T, subject authn.Subject, text string) authz.Request {
	t.Helper()
	s, err := scope.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return authz.Request{Subject: subject, Service: "registry.test", Scope: s}
}

// decided is a decision as the tables write it: the granted actions and the reason, "no match", or an error.
func decided(t *testing.T, a authz.Authorizer, r authz.Request) string {
	t.Helper()
	d, err := a.Authorize(t.Context(), r)
	switch {
	case err != nil:
		return "error: " + err.Error()
	case d.NoMatch:
		return "no match"
	default:
		return scope.Scope{Type: r.Scope.Type, Name: r.Scope.Name, Actions: d.Actions}.String() + " (" + d.Reason + ")"
	}
}

// says is an authorizer with a fixed answer.
func says(reason string, actions ...string) authz.Authorizer {
	return authz.Func(func(context.Context, authz.Request) (authz.Decision, error) {
		return authz.Decision{Actions: actions, Reason: reason}, nil
	})
}

func silent() authz.Authorizer {
	return authz.Func(func(context.Context, authz.Request) (authz.Decision, error) {
		return authz.Decision{NoMatch: true}, nil
	})
}

var errBroken = errors.New("engine is down")

func broken() authz.Authorizer {
	return authz.Func(func(context.Context, authz.Request) (authz.Decision, error) {
		return authz.Decision{Actions: []string{"pull"}}, errBroken
	})
}

func TestCombinators(t *testing.T) {
	for name, test := range map[string]struct {
		policy authz.Authorizer
		asked  string
		want   string
	}{
		"First takes the first that matches":     {authz.First(silent(), says("two", "pull"), says("three", "push")), "repository:a:pull,push", "repository:a:pull (two)"},
		"First stops at a refusal":               {authz.First(says("refused"), says("two", "pull")), "repository:a:pull", "repository:a: (refused)"},
		"First stops at an error":                {authz.First(broken(), says("two", "pull")), "repository:a:pull", "error: engine is down"},
		"First does not ask after a match":       {authz.First(says("one", "pull"), broken()), "repository:a:pull", "repository:a:pull (one)"},
		"First of silent ones is silent":         {authz.First(silent(), silent()), "repository:a:pull", "no match"},
		"First of nothing is silent":             {authz.First(), "repository:a:pull", "no match"},
		"Any joins what is granted":              {authz.Any(says("one", "pull"), silent(), says("two", "push")), "repository:a:pull,push", "repository:a:pull,push (one; two)"},
		"Any keeps to what was asked":            {authz.Any(says("one", "delete", "pull"), says("two", "*")), "repository:a:pull", "repository:a:pull (one)"},
		"Any refuses when all refuse":            {authz.Any(says("one"), says("two", "push")), "repository:a:pull", "repository:a: (one; two)"},
		"Any of silent ones is silent":           {authz.Any(silent(), silent()), "repository:a:pull", "no match"},
		"Any stops at an error":                  {authz.Any(says("one", "pull"), broken()), "repository:a:pull", "error: engine is down"},
		"All keeps what everybody grants":        {authz.All(says("one", "pull", "push"), says("two", "pull")), "repository:a:pull,push", "repository:a:pull (two)"},
		"All names everybody who agrees":         {authz.All(says("one", "pull"), says("two", "pull")), "repository:a:pull", "repository:a:pull (one; two)"},
		"All refuses when one is silent":         {authz.All(says("one", "pull"), silent()), "repository:a:pull", "repository:a: (no match)"},
		"All of nothing refuses":                 {authz.All(), "repository:a:pull", "repository:a: (no authorizer)"},
		"All stops at an error":                  {authz.All(says("one"), broken()), "repository:a:pull", "error: engine is down"},
		"ByType asks the type's authorizer":      {authz.ByType{"repository": says("repo", "pull"), "registry": says("reg", "*")}, "registry:catalog:*", "registry:catalog:* (reg)"},
		"ByType sends zot's catalog to registry": {authz.ByType{"repository": says("repo", "pull"), "registry": says("reg", "pull")}, "repository::pull", "repository::pull (reg)"},
		"ByType is silent about other types":     {authz.ByType{"repository": says("repo", "pull")}, "artifact-repository:a:pull", "no match"},
		"ByType is silent about a missing one":   {authz.ByType{"repository": says("repo", "pull")}, "repository::pull", "no match"},
		"ByService asks the service's":           {authz.ByService{"registry.test": says("here", "pull")}, "repository:a:pull", "repository:a:pull (here)"},
		"ByService is silent about others":       {authz.ByService{"other.test": says("there", "pull")}, "repository:a:pull", "no match"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := decided(t, test.policy, request(t, alice, test.asked)); got != test.want {
				t.Errorf("%s: got %s, want %s", test.asked, got, test.want)
			}
		})
	}
}

// engine is a remote engine: it counts its round trips.
type engine struct {
	batches [][]string
	answer  func(requests []authz.Request) ([]authz.Decision, error)
}

func (e *engine) Authorize(context.Context, authz.Request) (authz.Decision, error) {
	return authz.Decision{}, errors.New("asked about one scope, though it can do many")
}

func (e *engine) AuthorizeBatch(_ context.Context, requests []authz.Request) ([]authz.Decision, error) {
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
		decisions[i] = authz.Decision{Actions: []string{"pull"}, Reason: "engine on " + r.Scope.Name}
	}
	return decisions, nil
}

func TestCombinatorsPassBatchesOn(t *testing.T) {
	scopes := []string{"repository:alice/app:pull", "repository:b:pull", "registry:catalog:*", "repository:c:pull"}
	for name, test := range map[string]struct {
		policy func(e *engine) authz.Authorizer
		want   []string // what the engine is asked about, in one batch
	}{
		"First asks only about what is open": {func(e *engine) authz.Authorizer { return authz.First(authz.OwnNamespace(), e) }, []string{"b", "catalog", "c"}},
		"Any asks about everything":          {func(e *engine) authz.Authorizer { return authz.Any(authz.OwnNamespace(), e) }, []string{"alice/app", "b", "catalog", "c"}},
		"All asks about everything":          {func(e *engine) authz.Authorizer { return authz.All(authz.ReadOnly(), e) }, []string{"alice/app", "b", "catalog", "c"}},
		"ByType asks about its type":         {func(e *engine) authz.Authorizer { return authz.ByType{"repository": e} }, []string{"alice/app", "b", "c"}},
		"nested ones still ask once":         {func(e *engine) authz.Authorizer { return authz.ByService{"registry.test": authz.First(silent(), e)} }, []string{"alice/app", "b", "catalog", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := &engine{answer: pullAll}
			var requests []authz.Request
			for _, s := range scopes {
				requests = append(requests, request(t, alice, s))
			}
			decisions, err := authz.AuthorizeBatch(t.Context(), test.policy(e), requests)
			if err != nil {
				t.Fatal(err)
			}
			if len(e.batches) != 1 || !slices.Equal(e.batches[0], test.want) {
				t.Errorf("the engine was asked %q, want one batch %q", e.batches, test.want)
			}
			if len(decisions) != len(scopes) {
				t.Fatalf("%d decisions for %d requests", len(decisions), len(scopes))
			}
			if last := decisions[3]; !slices.Equal(last.Actions, []string{"pull"}) {
				t.Errorf("the decision about %s is %+v: decisions are out of order", scopes[3], last)
			}
		})
	}
}

func TestAuthorizeBatchRefusesAnEngineThatMiscounts(t *testing.T) {
	e := &engine{answer: func([]authz.Request) ([]authz.Decision, error) { return make([]authz.Decision, 1), nil }}
	requests := []authz.Request{request(t, alice, "repository:a:pull"), request(t, alice, "repository:b:pull")}
	decisions, err := authz.AuthorizeBatch(t.Context(), e, requests)
	if err == nil || decisions != nil {
		t.Errorf("got %v, %v, want an error", decisions, err)
	}
}

// counted is asked about one request in two ways.
type counted struct{ alone, batches int }

func (c *counted) Authorize(context.Context, authz.Request) (authz.Decision, error) {
	c.alone++
	return authz.Decision{Reason: "alone"}, nil
}

func (c *counted) AuthorizeBatch(_ context.Context, requests []authz.Request) ([]authz.Decision, error) {
	c.batches++
	return make([]authz.Decision, len(requests)), nil
}

func TestOneRequestIsNoBatch(t *testing.T) {
	c := &counted{}
	for name, policy := range map[string]authz.Authorizer{"itself": c, "in a combinator": authz.First(silent(), c)} {
		*c = counted{}
		decisions, err := authz.AuthorizeBatch(t.Context(), policy, []authz.Request{request(t, alice, "repository:a:pull")})
		if err != nil || len(decisions) != 1 || decisions[0].Reason != "alone" || *c != (counted{alone: 1}) {
			t.Errorf("%s: %v, error %v; asked %+v", name, decisions, err, *c)
		}
	}
}

func TestAuthorizeBatchOfOneByOneStopsAtAnError(t *testing.T) {
	decisions, err := authz.AuthorizeBatch(t.Context(), broken(), []authz.Request{request(t, alice, "repository:a:pull")})
	if !errors.Is(err, errBroken) || decisions != nil {
		t.Errorf("got %v, %v, want the engine's error alone", decisions, err)
	}
}
