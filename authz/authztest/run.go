package authztest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

// A Case lists scopes that a subject requests, with the expected grants.
type Case struct {
	// Subject makes the requests. The zero value is the anonymous subject.
	Subject authn.Subject
	// Grants are the requests and the expected grants.
	Grants Grants
}

// Grants maps a requested scope, in the form that [scope.Parse] accepts, to the actions that a
// token should contain: separated by commas, in any order, and empty for none.
type Grants map[string]string

// As returns Case{subject, grants}, to keep tables short.
func As(subject authn.Subject, grants Grants) Case {
	return Case{Subject: subject, Grants: grants}
}

// Run makes each request of the cases in a subtest and compares the actions that the policy grants,
// which are none for NoMatch. An error of the policy, an action that was not requested and a
// malformed scope also fail the test.
//
// If policy is an [authz.BatchAuthorizer], Run also sends all requests in one batch and expects the
// same answers. Options change each request before the policy sees it.
func Run(t *testing.T, policy authz.Authorizer, cases []Case, options ...func(*authz.Request)) {
	t.Helper()
	var all []authz.Request
	for _, c := range cases {
		for _, text := range slices.Sorted(maps.Keys(c.Grants)) {
			t.Run(subjectName(c.Subject)+" asks for "+text, func(t *testing.T) {
				t.Helper()
				asked, want, err := parseGrant(text, c.Grants[text])
				if err != nil {
					t.Fatalf("wrong case: %v", err)
				}
				r := request(c.Subject, asked, options)
				all = append(all, r)
				if failure := check(t.Context(), policy, r, want); failure != "" {
					t.Error(failure)
				}
			})
		}
	}
	if batch, ok := policy.(authz.BatchAuthorizer); ok {
		decisions, failures := askAll(t.Context(), policy, all)
		for i, d := range decisions {
			failures = append(failures, compareAlone(t.Context(), batch, all[i], d)...)
		}
		for _, failure := range failures {
			t.Error(failure)
		}
	}
}

// parseGrant parses a requested scope and the expected actions. A case that expects other actions
// than requested ones could never pass.
func parseGrant(text, expected string) (asked scope.Scope, want []string, err error) {
	if asked, err = scope.Parse(text); err != nil {
		return asked, nil, err
	}
	want = strings.FieldsFunc(expected, func(r rune) bool { return r == ',' || r == ' ' })
	for _, action := range want {
		if !asked.Has(action) {
			return asked, nil, fmt.Errorf("%s does not ask for %q", asked, action)
		}
	}
	slices.Sort(want)
	return asked, slices.Compact(want), nil
}

func request(s authn.Subject, asked scope.Scope, options []func(*authz.Request)) authz.Request {
	r := authz.Request{Subject: s, Scope: asked}
	for _, change := range options {
		change(&r)
	}
	return r
}

// check returns why the policy's answer is wrong, or "".
func check(ctx context.Context, policy authz.Authorizer, r authz.Request, want []string) string {
	decisions, err := authz.AuthorizeBatch(ctx, policy, []authz.Request{r})
	if err != nil {
		return fmt.Sprintf("%s: no decision: %v", describe(r), err)
	}
	d := decisions[0]
	if failure := unrequested(r, d); failure != "" {
		return failure
	}
	if slices.Equal(granted(r, d), want) {
		return ""
	}
	if d.NoMatch {
		d.Reason = "no match"
	}
	return fmt.Sprintf("%s\n  granted:  %s\n  expected: %s\n  reason:   %s",
		describe(r), list(granted(r, d)), list(want), orNone(d.Reason))
}

// unrequested returns why a decision grants too much for any request, or "".
func unrequested(r authz.Request, d authz.Decision) string {
	tooMuch := slices.DeleteFunc(slices.Clone(d.Actions), r.Scope.Has)
	if d.NoMatch || len(tooMuch) == 0 {
		return ""
	}
	return fmt.Sprintf("%s: granted %q, which was not requested (%s)", describe(r), tooMuch,
		orNone(d.Reason))
}

// granted returns the actions that the token server would put into a token.
func granted(r authz.Request, d authz.Decision) []string {
	if d.NoMatch {
		return []string{}
	}
	return r.Scope.Intersect(d.Actions).Actions
}

func subjectName(s authn.Subject) string {
	switch {
	case s.Anonymous():
		return "(anonymous)"
	case s.Kind == authn.KindUser:
		return s.Name
	default:
		return s.Kind.String() + " " + s.Name
	}
}

func list(actions []string) string { return orNone(strings.Join(actions, ",")) }

func orNone(s string) string { return cmp.Or(s, "(none)") }
