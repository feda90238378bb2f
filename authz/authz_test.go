package authz_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
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

// decided formats a decision for the tables: the granted actions and the reason, "no match", or an
// error.
func decided(t *testing.T, a authz.Authorizer, r authz.Request) string {
	t.Helper()
	d, err := a.Authorize(t.Context(), r)
	switch {
	case err != nil:
		return "error: " + err.Error()
	case d.NoMatch:
		return "no match"
	default:
		granted := r.Scope
		granted.Actions = d.Actions
		return granted.String() + " (" + d.Reason + ")"
	}
}

// says is an authorizer with a fixed answer.
func says(reason string, actions ...string) authz.Authorizer {
	return authz.Func(func(context.Context, authz.Request) (authz.Decision, error) {
		return authz.Decision{Actions: actions, Reason: reason}, nil
	})
}

func noMatch() authz.Authorizer {
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
	const pull, both = "repository:a:pull", "repository:a:pull,push"
	for _, test := range []struct {
		name   string
		policy authz.Authorizer
		asked  string
		want   string
	}{
		{
			"First takes the first match",
			authz.First(noMatch(), says("two", "pull"), says("three", "push")),
			both, "repository:a:pull (two)",
		},
		{
			"First stops at a refusal",
			authz.First(says("one"), says("two", "pull")), pull, "repository:a: (one)",
		},
		{
			"First stops at an error",
			authz.First(broken(), says("two", "pull")), pull, "error: engine is down",
		},
		{
			"First does not ask after a match",
			authz.First(says("one", "pull"), broken()), pull, "repository:a:pull (one)",
		},
		{
			"First has no match when none has",
			authz.First(noMatch(), noMatch()), pull, "no match",
		},
		{
			"First of nothing has no match",
			authz.First(), pull, "no match",
		},
		{
			"Any of nothing has no match",
			authz.Any(), pull, "no match",
		},
		{
			"Any joins the grants",
			authz.Any(says("one", "pull"), noMatch(), says("two", "push")),
			both, "repository:a:pull,push (one; two)",
		},
		{
			"Any grants no more than requested",
			authz.Any(says("one", "delete", "pull"), says("two", "*")),
			pull, "repository:a:pull (one)",
		},
		{
			"Any refuses when all refuse",
			authz.Any(says("one"), says("two", "push")), pull, "repository:a: (one; two)",
		},
		{
			"Any has no match when none has",
			authz.Any(noMatch(), noMatch()), pull, "no match",
		},
		{
			"Any stops at an error",
			authz.Any(says("one", "pull"), broken()), pull, "error: engine is down",
		},
		{
			"All grants what everyone grants",
			authz.All(says("one", "pull", "push"), says("two", "pull")),
			both, "repository:a:pull (two)",
		},
		{
			"All names everyone who agrees",
			authz.All(says("one", "pull"), says("two", "pull")),
			pull, "repository:a:pull (one; two)",
		},
		{
			"All refuses when one has no match",
			authz.All(says("one", "pull"), noMatch()), pull, "repository:a: (no match)",
		},
		{
			"All of nothing refuses",
			authz.All(), pull, "repository:a: (no authorizer)",
		},
		{
			"All stops at an error",
			authz.All(says("one"), broken()), pull, "error: engine is down",
		},
		{
			"ByType asks the authorizer of the type",
			authz.ByType{"repository": says("repo", "pull"), "registry": says("reg", "*")},
			"registry:catalog:*", "registry:catalog:* (reg)",
		},
		{
			"ByType sends zot's catalog to registry",
			authz.ByType{"repository": says("repo", "pull"), "registry": says("reg", "pull")},
			"repository::pull", "repository::pull (reg)",
		},
		{
			"ByType has no match for other types",
			authz.ByType{"repository": says("repo", "pull")},
			"artifact-repository:a:pull", "no match",
		},
		{
			"ByType has no match for the catalog without the type registry",
			authz.ByType{"repository": says("repo", "pull")},
			"repository::pull", "no match",
		},
		{
			"ByService asks the authorizer of the service",
			authz.ByService{"registry.test": says("here", "pull")},
			pull, "repository:a:pull (here)",
		},
		{
			"ByService has no match for other services",
			authz.ByService{"other.test": says("there", "pull")},
			pull, "no match",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := decided(t, test.policy, request(t, alice, test.asked)); got != test.want {
				t.Errorf("%s: got %s, want %s", test.asked, got, test.want)
			}
		})
	}
}

func TestCombinatorsRefuseNil(t *testing.T) {
	for name, combinator := range map[string]func(...authz.Authorizer) authz.BatchAuthorizer{
		"First": authz.First, "Any": authz.Any, "All": authz.All,
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if got, want := recover(), "authz."+name+": argument 2 is nil"; got != want {
					t.Errorf("panic: %v, want %v", got, want)
				}
			}()
			combinator(says("one", "pull"), nil)
		})
	}
}

func TestCombinatorsCopyTheirArguments(t *testing.T) {
	members := []authz.Authorizer{says("one", "pull")}
	policies := []authz.Authorizer{
		authz.First(members...), authz.Any(members...), authz.All(members...),
	}
	members[0] = nil
	for _, policy := range policies {
		got := decided(t, policy, request(t, alice, "repository:a:pull"))
		if got != "repository:a:pull (one)" {
			t.Error(got)
		}
	}
}

// A map cannot refuse a nil authorizer when it is built. The error becomes a 503.
func TestNilInAMapIsAnError(t *testing.T) {
	for name, policy := range map[string]authz.Authorizer{
		"ByType":    authz.ByType{"repository": nil, "registry": says("reg", "*")},
		"ByService": authz.ByService{"registry.test": nil},
	} {
		t.Run(name, func(t *testing.T) {
			key := map[string]string{"ByType": "repository", "ByService": "registry.test"}[name]
			want := `error: no decision: the authorizer of "` + key + `" is nil`
			if got := decided(t, policy, request(t, alice, "repository:a:pull")); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			_, err := authz.AuthorizeBatch(t.Context(), policy, []authz.Request{
				request(t, alice, "registry:catalog:*"), request(t, alice, "repository:a:pull"),
			})
			if err == nil {
				t.Error("a batch is decided without the authorizer")
			}
		})
	}
	policy := authz.ByType{"repository": nil, "registry": says("reg", "*")}
	got := decided(t, policy, request(t, alice, "registry:catalog:*"))
	if got != "registry:catalog:* (reg)" {
		t.Errorf("a nil authorizer of another type affects the catalog: %s", got)
	}
}

func TestRequestJSON(t *testing.T) {
	subject, err := json.Marshal(alice)
	if err != nil {
		t.Fatal(err)
	}
	least := request(t, alice, "repository:a:pull")
	full := least
	full.RemoteAddr = netip.MustParseAddr("192.0.2.1")
	full.ClientID = "docker"
	asked := `{"subject":` + string(subject) + `,"service":"registry.test",` +
		`"scope":{"type":"repository","name":"a","actions":["pull"]}`
	for name, test := range map[string]struct {
		request authz.Request
		want    string
	}{
		"without address and client": {least, asked + `}`},
		"with both": {
			full, asked + `,"remote_addr":"192.0.2.1","client_id":"docker"}`,
		},
	} {
		t.Run(name, func(t *testing.T) { checkJSON(t, test.request, test.want) })
	}
}

func TestDecisionJSON(t *testing.T) {
	for name, test := range map[string]struct {
		decision authz.Decision
		want     string
	}{
		"a grant": {
			authz.Decision{Actions: []string{"pull"}, Reason: "rule 7"},
			`{"actions":["pull"],"reason":"rule 7"}`,
		},
		"a refusal": {authz.Decision{Actions: []string{}}, `{"actions":[]}`},
		"no match":  {authz.Decision{NoMatch: true}, `{"actions":null,"no_match":true}`},
	} {
		t.Run(name, func(t *testing.T) { checkJSON(t, test.decision, test.want) })
	}
}

// checkJSON checks the JSON of a value, and that it unmarshals to the value.
func checkJSON[T any](t *testing.T, value T, want string) {
	t.Helper()
	got, err := json.Marshal(value)
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	var back T
	if err := json.Unmarshal([]byte(want), &back); err != nil || !reflect.DeepEqual(back, value) {
		t.Errorf("%s unmarshals to %+v, %v, want %+v", want, back, err, value)
	}
}
