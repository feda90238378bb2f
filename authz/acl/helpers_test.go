package acl

import (
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

// mustCompile compiles rules that are well-formed, and ignores warnings.
func mustCompile(tb testing.TB, rules ...Rule) *List {
	tb.Helper()
	l, _, err := Compile(rules)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// mustParse reads rules as JSON.
func mustParse(tb testing.TB, text string) []Rule {
	tb.Helper()
	rules, err := ParseJSON([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return rules
}

func user(name string, labels map[string][]string) authn.Subject {
	return authn.Subject{Name: name, Labels: labels}
}

func groups(values ...string) map[string][]string { return map[string][]string{"group": values} }

// ask makes a request for a repository, at the service registry.test.
func ask(s authn.Subject, name string, actions ...string) authz.Request {
	asked := scope.Scope{Type: "repository", Name: name, Actions: actions}
	return authz.Request{Subject: s, Service: "registry.test", Scope: asked}
}

func decide(tb testing.TB, a authz.Authorizer, r authz.Request) authz.Decision {
	tb.Helper()
	d, err := a.Authorize(tb.Context(), r)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

const tutorial = `[
	{"match": {"account": "", "name": "publicrepos/*"}, "actions": ["pull"],
	 "comment": "anyone may pull the public namespace"},
	{"match": {"name": "publicrepos/*", "labels": {"group": "first_user_group"}},
	 "actions": ["pull", "push"], "comment": "the first group may push there",
	 "require_account": true},
	{"match": {"account": "admin"}, "actions": ["*"],
	 "comment": "the administrator may do everything", "require_account": true},
	{"match": {"name": "${labels:group}-shared/*"}, "actions": ["push", "pull"],
	 "comment": "a group's shared namespace", "require_account": true},
	{"match": {"account": "/.+/", "name": "${account}/*"}, "actions": ["*"],
	 "comment": "one's own namespace", "require_account": true}
]`
