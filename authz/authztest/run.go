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
	// Options change each request before the policy sees it, after the options of Run.
	Options []func(*authz.Request)
}

// Grants maps a requested scope, in the form that [scope.Parse] accepts, to the actions that a
// token should contain: separated by commas, in any order, and empty for none.
type Grants map[string]string

// As returns Case{subject, grants, options}, to keep tables short.
func As(subject authn.Subject, grants Grants, options ...func(*authz.Request)) Case {
	return Case{Subject: subject, Grants: grants, Options: options}
}

// Run makes each request of the cases in a subtest and compares the actions that the policy grants,
// which are none for NoMatch. An error of the policy, an action that was not requested and a
// malformed scope also fail the test. To find such an action, it requests each one alone too.
//
// If policy is an [authz.BatchAuthorizer], Run also sends all requests in one batch and expects the
// same answers. Options change each request before the policy sees it. The name of a subtest has
// the fields that options changed, except Data.
func Run(t *testing.T, policy authz.Authorizer, cases []Case, options ...func(*authz.Request)) {
	t.Helper()
	var all []authz.Request
	for _, q := range questions(cases, options) {
		t.Run(q.name, func(t *testing.T) {
			t.Helper()
			all = append(all, q.request)
			if failure := q.check(t.Context(), policy); failure != "" {
				t.Error(failure)
			}
		})
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

// A question is a request of a case and the actions that should be granted.
type question struct {
	name    string
	request authz.Request
	want    []string
	wrong   string // why the case can never pass, or empty
}

func questions(cases []Case, options []func(*authz.Request)) []question {
	var all []question
	for _, c := range cases {
		for _, text := range slices.Sorted(maps.Keys(c.Grants)) {
			asked, want, wrong := parseGrant(text, c.Grants[text])
			r := request(c.Subject, asked, slices.Concat(options, c.Options))
			name := requester(r)
			if labels := r.Subject.Labels; !maps.EqualFunc(labels, c.Subject.Labels, slices.Equal) {
				name += fmt.Sprint(" with ", labels)
			}
			all = append(all, question{name + " asks for " + text, r, want, wrong})
		}
	}
	return all
}

// parseGrant parses a requested scope and the expected actions, and says why that is wrong. A case
// that expects other actions than requested ones could never pass.
func parseGrant(text, expected string) (asked scope.Scope, want []string, wrong string) {
	asked, err := scope.Parse(text)
	if err != nil {
		return asked, nil, err.Error()
	}
	want = strings.FieldsFunc(expected, func(r rune) bool { return r == ',' || r == ' ' })
	for _, action := range want {
		if !asked.Has(action) {
			return asked, nil, fmt.Sprintf("%s does not ask for %q", asked, action)
		}
	}
	slices.Sort(want)
	return asked, slices.Compact(want), ""
}

func request(s authn.Subject, asked scope.Scope, options []func(*authz.Request)) authz.Request {
	r := clone(authz.Request{Subject: s, Scope: asked}) // for options that change a map or a slice
	for _, change := range options {
		change(&r)
	}
	return r
}

// check returns why the case or the policy's answer is wrong, or "".
func (q question) check(ctx context.Context, policy authz.Authorizer) string {
	if q.wrong != "" {
		return "wrong case: " + q.wrong
	}
	r := q.request
	decisions, err := authz.AuthorizeBatch(ctx, policy, []authz.Request{r})
	if err != nil {
		return fmt.Sprintf("%s: no decision: %v", describe(r), err)
	}
	d := decisions[0]
	if failure := unrequested(r, d); failure != "" {
		return failure
	}
	if failure := overreach(ctx, policy, []authz.Request{r}); failure != "" {
		return failure
	}
	if slices.Equal(granted(r, d), q.want) {
		return ""
	}
	if d.NoMatch {
		d.Reason = "no match"
	}
	return fmt.Sprintf("%s\n  granted:  %s\n  expected: %s\n  reason:   %s",
		describe(r), list(granted(r, d)), list(q.want), orNone(d.Reason))
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

// overreach requests each action alone, and returns why a decision grants too much, or "". A policy
// that always grants pull is right as long as pull is requested.
func overreach(ctx context.Context, policy authz.Authorizer, requests []authz.Request) string {
	var alone []authz.Request
	for _, r := range requests {
		if len(r.Scope.Actions) < 2 {
			continue // that was requested alone
		}
		for _, action := range r.Scope.Actions {
			single := clone(r)
			single.Scope.Actions = []string{action}
			alone = append(alone, single)
		}
	}
	decisions, err := authz.AuthorizeBatch(ctx, policy, alone)
	if err != nil {
		return fmt.Sprintf("no decision on an action alone: %v", err)
	}
	for i, r := range alone {
		if failure := unrequested(r, decisions[i]); failure != "" {
			return failure
		}
	}
	return ""
}

// granted returns the actions that the token server would put into a token.
func granted(r authz.Request, d authz.Decision) []string {
	if d.NoMatch {
		return []string{}
	}
	return r.Scope.Intersect(d.Actions).Actions
}

// requester names the subject of a request and what else it says about the client.
func requester(r authz.Request) string {
	name := subjectName(r.Subject)
	if r.RemoteAddr.IsValid() {
		name += " from " + r.RemoteAddr.String()
	}
	if r.ClientID != "" {
		name += " with " + r.ClientID
	}
	if r.Service != "" {
		name += " at " + r.Service
	}
	return name
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
