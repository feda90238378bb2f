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

// CheckInvariants asks the policy many questions about the given subjects, ordinary and hostile ones, and fails the test where
// it breaks what every policy has to keep:
//
//   - it returns no action that was not asked for
//   - it answers the same question twice in the same way, and does not change the question
//   - it answers several questions at once as it answers each alone
//   - it has an answer, and no panic, for names that no registry would accept
//
// Some hostile subjects are asked about besides the given ones. Options tell the policy what else it needs, such as a service.
func CheckInvariants(t *testing.T, policy authz.Authorizer, subjects []authn.Subject, options ...Option) {
	t.Helper()
	for _, broken := range violations(t.Context(), policy, questions(subjects, options)) {
		t.Error(broken)
	}
}

// questions are all subjects, with some hostile ones, asking for all scopes.
func questions(subjects []authn.Subject, options []Option) []authz.Request {
	var requests []authz.Request
	for _, subject := range append(slices.Clone(subjects), hostileSubjects()...) {
		for _, asked := range scopesFor(subject) {
			requests = append(requests, request(subject, asked, options))
		}
	}
	return requests
}

func scopesFor(subject authn.Subject) []scope.Scope {
	names := append(hostileNames(), "app", "team/app", "public/app", subject.Name+"/app", subject.Name+"/team/app", subject.Name)
	actions := [][]string{{"pull"}, {"pull", "push"}, {"*"}, {"*", "delete", "pull", "push"}, {}}
	scopes := []scope.Scope{
		{Type: scope.TypeRegistry, Name: "catalog", Actions: []string{"*"}},
		{Type: "unknown-type", Name: "team/app", Actions: []string{"pull"}},
		{Type: "", Name: "team/app", Actions: []string{"pull"}},
	}
	for i, name := range names {
		scopes = append(scopes, scope.Scope{Type: scope.TypeRepository, Name: name, Actions: actions[i%len(actions)]})
	}
	return scopes
}

// hostileNames are names that the scope grammar refuses, but a direct caller may still ask about, and the worst that it allows.
func hostileNames() []string {
	return []string{
		"", "/", ".", "..", "../..", "alice/../bob", "alice//app", "/alice/app", "alice/app/", "alice/./app",
		"*", "**", "alice/*", "[a-z]/app", "?", "{a,b}", ".*", "^.*$", "(", "${account}/app", "{{.Subject}}/app",
		"alice\\app", "alice%2fapp", "alice\x00/app", "alice\n/app", "alice/app\r\nx: y", "\xff\xfe", "\u0430lice/app", "ALICE/APP",
		"' OR '1'='1", "$(id)", "localhost:5000/alice/app", strings.Repeat("a/", 5000) + "a", strings.Repeat("a", 100_000),
		strings.Repeat("a-", 120) + "a",
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
		{Name: "mallory", Labels: map[string][]string{"group": {"*", "", ".*", "a/b", "a|.*"}, "": {""}}},
	}
}

// violations asks each question and returns what is wrong with the answers.
func violations(ctx context.Context, policy authz.Authorizer, requests []authz.Request) []string {
	var found []string
	var answered []authz.Request
	for _, r := range requests {
		d, broken := ask(ctx, policy, r)
		if broken != "" {
			found = append(found, describe(r)+": "+broken)
			continue
		}
		answered = append(answered, r)
		if tooMuch := beyond(r, d); len(tooMuch) > 0 {
			found = append(found, fmt.Sprintf("%s: granted %q, which was not asked for (%s)", describe(r), tooMuch, orNone(d.Reason)))
		}
		if again, broken := ask(ctx, policy, r); broken != "" || !same(d, again) {
			found = append(found, fmt.Sprintf("%s: answered %s, and %s when asked again %s", describe(r), show(d), show(again), broken))
		}
	}
	return append(found, batchViolations(ctx, policy, answered)...)
}

// ask calls the policy. What is broken, if anything, is said in the second result.
func ask(ctx context.Context, policy authz.Authorizer, r authz.Request) (d authz.Decision, broken string) {
	defer func() {
		if cause := recover(); cause != nil {
			broken = fmt.Sprintf("panic: %v", cause)
		}
	}()
	given := clone(r)
	d, err := policy.Authorize(ctx, given)
	switch {
	case err != nil:
		return d, "no decision: " + err.Error()
	case !slices.Equal(given.Scope.Actions, r.Scope.Actions):
		return d, "the policy changed the actions of the request"
	case !maps.EqualFunc(given.Subject.Labels, r.Subject.Labels, slices.Equal[[]string]):
		return d, "the policy changed the labels of the subject"
	}
	return d, ""
}

// batchViolations asks all questions at once, each alone in a batch, and each alone. All three ways have one answer: the token server
// takes the first for several scopes and the last for one.
func batchViolations(ctx context.Context, policy authz.Authorizer, requests []authz.Request) []string {
	batch, ok := policy.(authz.BatchAuthorizer)
	if !ok {
		return nil
	}
	together, broken := askBatch(ctx, batch, requests)
	if broken != "" {
		return []string{"asked about everything at once: " + broken}
	}
	var found []string
	for i, r := range requests {
		alone, broken := ask(ctx, policy, r)
		single, brokenBatch := askBatch(ctx, batch, []authz.Request{r})
		switch {
		case broken != "" || brokenBatch != "":
			found = append(found, describe(r)+": "+broken+brokenBatch)
		case !same(together[i], alone) || !same(single[0], alone):
			found = append(found, fmt.Sprintf("%s: answered %s alone, %s in a batch of one and %s among others",
				describe(r), show(alone), show(single[0]), show(together[i])))
		}
	}
	return found
}

func askBatch(ctx context.Context, batch authz.BatchAuthorizer, requests []authz.Request) (decisions []authz.Decision, broken string) {
	defer func() {
		if cause := recover(); cause != nil {
			broken = fmt.Sprintf("panic: %v", cause)
		}
	}()
	given := make([]authz.Request, len(requests))
	for i, r := range requests {
		given[i] = clone(r)
	}
	decisions, err := batch.AuthorizeBatch(ctx, given)
	switch {
	case err != nil:
		return nil, "no decision: " + err.Error()
	case len(decisions) != len(requests):
		return nil, fmt.Sprintf("%d decisions for %d requests", len(decisions), len(requests))
	}
	return decisions, ""
}

func clone(r authz.Request) authz.Request {
	r.Scope.Actions = slices.Clone(r.Scope.Actions)
	r.Subject.Labels = maps.Clone(r.Subject.Labels)
	for label, values := range r.Subject.Labels {
		r.Subject.Labels[label] = slices.Clone(values)
	}
	return r
}

// beyond returns the granted actions that were not asked for.
func beyond(r authz.Request, d authz.Decision) []string {
	if d.NoMatch {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(d.Actions), r.Scope.Has)
}

func same(a, b authz.Decision) bool {
	return a.NoMatch == b.NoMatch && a.Reason == b.Reason && slices.Equal(sorted(a.Actions), sorted(b.Actions))
}

func sorted(actions []string) []string { return slices.Sorted(slices.Values(actions)) }

func show(d authz.Decision) string {
	if d.NoMatch {
		return "no match"
	}
	return fmt.Sprintf("%s (%s)", list(d.Actions), orNone(d.Reason))
}

// describe names a question in a message, with a long name cut.
func describe(r authz.Request) string {
	const most = 80
	text := r.Scope.String()
	if len(text) > most {
		text = text[:most] + "…"
	}
	return fmt.Sprintf("%s asks %+q", subjectName(r.Subject), text)
}
