package authztest

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

// CheckInvariants makes hundreds of requests, ordinary and hostile ones, for the given subjects and
// some hostile ones. It fails the test if the policy breaks a rule that every policy must obey:
//
//   - It returns no action that was not requested.
//   - It answers the same request twice in the same way, and does not change the request.
//   - It gives the same answer to a request alone and in a batch (checked on a sample).
//   - It neither panics nor returns an error, even for names that no registry accepts.
//
// The names of resources are fixed: [Run] tests your own. The hostile subjects have no Data, as
// subjects of another source would. CheckInvariants batches requests, so a remote engine gets few
// calls. Options change each request, for example to set a service.
func CheckInvariants(
	t *testing.T, policy authz.Authorizer, subjects []authn.Subject,
	options ...func(*authz.Request),
) {
	t.Helper()
	for _, failure := range violations(t.Context(), policy, invariantRequests(subjects, options)) {
		t.Error(failure)
	}
}

// invariantRequests returns a request for every scope from the subjects and some hostile ones.
func invariantRequests(subjects []authn.Subject, options []func(*authz.Request)) []authz.Request {
	var all []authz.Request
	for _, subject := range append(slices.Clone(subjects), hostileSubjects()...) {
		for _, asked := range scopesFor(subject) {
			all = append(all, request(subject, asked, options))
		}
	}
	return all
}

func scopesFor(subject authn.Subject) []scope.Scope {
	names := append(hostileNames(), "app", "team/app", "public/app",
		subject.Name+"/app", subject.Name+"/team/app", subject.Name)
	actions := [][]string{{"pull"}, {"pull", "push"}, {"*"}, {"*", "delete", "pull", "push"}, {}}
	scopes := []scope.Scope{
		{Type: scope.TypeRegistry, Name: "catalog", Actions: []string{"*"}},
		{Type: "unknown-type", Name: "team/app", Actions: []string{"pull"}},
		{Type: "", Name: "team/app", Actions: []string{"pull"}},
	}
	for i, name := range names {
		scopes = append(scopes, scope.Scope{
			Type: scope.TypeRepository, Name: name, Actions: actions[i%len(actions)],
		})
	}
	return scopes
}

// hostileNames returns names that the scope grammar rejects, but that a direct caller may use, and
// the worst names that it accepts.
func hostileNames() []string {
	return []string{
		"", "/", ".", "..", "../..", "alice/../bob", "alice//app", "/alice/app", "alice/app/",
		"alice/./app", "*", "**", "alice/*", "[a-z]/app", "?", "{a,b}", ".*", "^.*$", "(",
		"${account}/app", "{{.Subject}}/app", "alice\\app", "alice%2fapp", "alice\x00/app",
		"alice\n/app", "alice/app\r\nx: y", "\xff\xfe", "\u0430lice/app", "ALICE/APP",
		"' OR '1'='1", "$(id)", "localhost:5000/alice/app", strings.Repeat("a/", 5000) + "a",
		strings.Repeat("a", 100_000), strings.Repeat("a-", 120) + "a",
	}
}

func hostileSubjects() []authn.Subject {
	return []authn.Subject{
		{Name: "*"},
		{Name: ".*"},
		{Name: "alice/team"},
		{Name: "${account}"},
		{Name: "a\x00b"},
		{Name: "alice", Kind: authn.KindServiceAccount},
		{Name: "mallory", Labels: map[string][]string{
			"group": {"*", "", ".*", "a/b", "a|.*"}, "": {""},
		}},
	}
}

// violations makes the requests and returns how the answers break the rules.
func violations(ctx context.Context, policy authz.Authorizer, requests []authz.Request) []string {
	decisions, failures := askAll(ctx, policy, requests)
	if failures != nil {
		return failures
	}
	// The other order also shows decisions that depend on their place in the batch.
	reversed := slices.Clone(requests)
	slices.Reverse(reversed)
	again, failures := askAll(ctx, policy, reversed)
	if failures != nil {
		return failures
	}
	slices.Reverse(again)
	var found []string
	for i, r := range requests {
		d := decisions[i]
		if failure := unrequested(r, d); failure != "" {
			found = append(found, failure)
		}
		if !same(d, again[i]) {
			found = append(found, fmt.Sprintf("%s: answered %s, but %s when asked again",
				describe(r), show(d), show(again[i])))
		}
	}
	if batch, ok := policy.(authz.BatchAuthorizer); ok {
		for i := 0; i < len(requests); i += len(requests)/10 + 1 {
			found = append(found, compareAlone(ctx, batch, requests[i], decisions[i])...)
		}
	}
	return found
}

// askAll makes all requests in one batch. If that fails, it makes each alone to find the culprits.
func askAll(ctx context.Context, policy authz.Authorizer, requests []authz.Request) (
	decisions []authz.Decision, failures []string,
) {
	decisions, together := ask(ctx, policy, requests...)
	if together == "" {
		return decisions, nil
	}
	for _, r := range requests {
		if _, failure := ask(ctx, policy, r); failure != "" {
			failures = append(failures, describe(r)+": "+failure)
		}
	}
	if failures == nil {
		failures = []string{"all at once: " + together}
	}
	return nil, failures
}

// compareAlone compares a decision that was made in a batch with the two ways to ask alone.
func compareAlone(
	ctx context.Context, policy authz.BatchAuthorizer, r authz.Request, among authz.Decision,
) []string {
	single, failure := ask(ctx, policy, r)
	alone, failureAlone := ask(ctx, authz.Func(policy.Authorize), r)
	switch {
	case failure+failureAlone != "":
		return []string{describe(r) + ": " + failure + failureAlone}
	case !same(among, alone[0]) || !same(among, single[0]):
		return []string{fmt.Sprintf("%s: answered %s alone, %s in a batch of one, %s among others",
			describe(r), show(alone[0]), show(single[0]), show(among))}
	}
	return nil
}

// ask makes the requests in one batch. A failure is an error, a panic, or a changed request.
func ask(ctx context.Context, policy authz.Authorizer, requests ...authz.Request) (
	decisions []authz.Decision, failure string,
) {
	defer func() {
		if cause := recover(); cause != nil {
			decisions, failure = nil, fmt.Sprintf("panic: %v", cause)
		}
	}()
	given := make([]authz.Request, len(requests))
	for i, r := range requests {
		given[i] = clone(r)
	}
	decisions, err := authz.AuthorizeBatch(ctx, policy, given)
	if err != nil {
		return nil, "no decision: " + err.Error()
	}
	if !slices.EqualFunc(given, requests, equal) {
		return nil, "the policy changed the request"
	}
	return decisions, ""
}

// equal compares all but Data, which may hold anything, even locks and functions.
func equal(a, b authz.Request) bool {
	a.Subject.Data, b.Subject.Data = nil, nil
	return reflect.DeepEqual(a, b)
}

// clone copies all but Data.
func clone(r authz.Request) authz.Request {
	r.Scope.Actions = slices.Clone(r.Scope.Actions)
	if r.Subject.Limit != nil {
		limit := authn.Limit{Scopes: slices.Clone(r.Subject.Limit.Scopes)}
		for i, s := range limit.Scopes {
			limit.Scopes[i].Actions = slices.Clone(s.Actions)
		}
		r.Subject.Limit = &limit
	}
	r.Subject.Labels = maps.Clone(r.Subject.Labels)
	for label, values := range r.Subject.Labels {
		r.Subject.Labels[label] = slices.Clone(values)
	}
	return r
}

func same(a, b authz.Decision) bool {
	return a.NoMatch == b.NoMatch && a.Reason == b.Reason &&
		slices.Equal(sorted(a.Actions), sorted(b.Actions))
}

func sorted(actions []string) []string { return slices.Sorted(slices.Values(actions)) }

func show(d authz.Decision) string {
	if d.NoMatch {
		return "no match"
	}
	return fmt.Sprintf("%s (%s)", list(d.Actions), orNone(d.Reason))
}

// describe names a request in a message and shortens a long name.
func describe(r authz.Request) string {
	const most = 80
	text := r.Scope.String()
	if len(text) > most {
		text = text[:most] + "…"
	}
	return fmt.Sprintf("%s asks for %+q", requester(r), text)
}
