package authztest

import (
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

// A Table says what subjects are granted when they ask for scopes.
type Table []Entry

// An Entry is what a table says of one subject; [As] makes one.
type Entry struct {
	// Subject asks. The zero value is the anonymous subject.
	Subject authn.Subject
	// Grants are the questions and the answers that are expected.
	Grants Grants
}

// Grants maps a scope that is asked for, in the form that [scope.Parse] reads, to the actions that a token would contain:
// separated by commas, in any order, and empty for nothing.
type Grants map[string]string

// As returns the entry of a table that says what the subject is granted.
func As(subject authn.Subject, grants Grants) Entry {
	return Entry{Subject: subject, Grants: grants}
}

// An Option sets what else the policy is told about the requests of a table.
type Option func(*authz.Request)

// ForService makes the requests of a table requests for that service.
func ForService(service string) Option {
	return func(r *authz.Request) { r.Service = service }
}

// With changes the requests of a table in any way, such as the address they come from.
func With(change func(*authz.Request)) Option { return change }

// Run asks the policy each question of the table, as a subtest, and compares what a token would contain: the policy's answer cut
// down to what was asked, as the token server does, and nothing where the policy has nothing to say. A policy that can answer many
// questions at once is asked the whole table as well, and has to answer as it did before.
func Run(t *testing.T, policy authz.Authorizer, table Table, options ...Option) {
	t.Helper()
	if batch, ok := policy.(authz.BatchAuthorizer); ok {
		t.Run("all at once", func(t *testing.T) {
			t.Helper()
			for _, failure := range batchViolations(t.Context(), batch, table.requests(options)) {
				t.Error(failure)
			}
		})
	}
	for _, entry := range table {
		for _, asked := range slices.Sorted(maps.Keys(entry.Grants)) {
			t.Run(subjectName(entry.Subject)+" asks "+asked, func(t *testing.T) {
				t.Helper()
				if failure := check(t.Context(), policy, entry.Subject, asked, entry.Grants[asked], options); failure != "" {
					t.Error(failure)
				}
			})
		}
	}
}

// requests are all well-formed questions of the table.
func (table Table) requests(options []Option) []authz.Request {
	var requests []authz.Request
	for _, entry := range table {
		for _, text := range slices.Sorted(maps.Keys(entry.Grants)) {
			if asked, err := scope.Parse(text); err == nil {
				requests = append(requests, request(entry.Subject, asked, options))
			}
		}
	}
	return requests
}

// check returns what is wrong with the policy's answer to one question, or nothing.
func check(ctx context.Context, policy authz.Authorizer, subject authn.Subject, text, expected string, options []Option) string {
	asked, err := scope.Parse(text)
	if err != nil {
		return "the table is wrong: " + err.Error()
	}
	want, err := wanted(asked, expected)
	if err != nil {
		return "the table is wrong: " + err.Error()
	}
	granted, reason, err := decide(ctx, policy, request(subject, asked, options))
	if err != nil {
		return fmt.Sprintf("%s asks %s: no decision: %v", subjectName(subject), text, err)
	}
	if slices.Equal(granted, want) {
		return ""
	}
	return fmt.Sprintf("%s asks %s\n   granted: %s\n  expected: %s\n%s    reason: %s", subjectName(subject), text,
		list(granted), list(want), difference(granted, want), orNone(reason))
}

func request(subject authn.Subject, asked scope.Scope, options []Option) authz.Request {
	r := authz.Request{Subject: subject, Scope: asked}
	for _, change := range options {
		change(&r)
	}
	return r
}

// decide returns what a token would contain, and why. It asks as the token server asks about one scope.
func decide(ctx context.Context, policy authz.Authorizer, r authz.Request) (granted []string, reason string, err error) {
	decisions, err := authz.AuthorizeBatch(ctx, policy, []authz.Request{r})
	if err != nil {
		return nil, "", err
	}
	granted, reason = outcome(r, decisions[0])
	return granted, reason, nil
}

func outcome(r authz.Request, d authz.Decision) (granted []string, reason string) {
	if d.NoMatch {
		return []string{}, "no match"
	}
	return r.Scope.Intersect(d.Actions).Actions, d.Reason
}

// wanted reads the expected actions. A table that expects what was not asked for could never hold.
func wanted(asked scope.Scope, granted string) ([]string, error) {
	want := []string{}
	for action := range strings.SplitSeq(granted, ",") {
		if action = strings.TrimSpace(action); action == "" {
			continue
		}
		if !asked.Has(action) {
			return nil, fmt.Errorf("%s does not ask for %q", asked, action)
		}
		want = append(want, action)
	}
	slices.Sort(want)
	return slices.Compact(want), nil
}

func difference(granted, want []string) string {
	var b strings.Builder
	for _, action := range granted {
		if !slices.Contains(want, action) {
			fmt.Fprintf(&b, "  too much: %s\n", action)
		}
	}
	for _, action := range want {
		if !slices.Contains(granted, action) {
			fmt.Fprintf(&b, "   missing: %s\n", action)
		}
	}
	return b.String()
}

func subjectName(s authn.Subject) string {
	switch {
	case s.Anonymous():
		return "(anonymous)" // which no user is called
	case s.Kind == authn.KindUser:
		return s.Name
	default:
		return s.Kind.String() + " " + s.Name
	}
}

func list(actions []string) string { return orNone(strings.Join(actions, ",")) }

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}
