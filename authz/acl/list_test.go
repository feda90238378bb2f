package acl

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/authz/authztest"
	"github.com/berthpass/registry-auth/scope"
)

func TestTutorialPolicy(t *testing.T) {
	l := mustCompile(t, mustParse(t, tutorial)...)
	anonymous, admin := authn.Subject{}, user("admin", nil)
	first := user("firstuser", groups("first_user_group"))
	authztest.Run(t, l, []authztest.Case{
		authztest.As(anonymous, authztest.Grants{
			"repository:publicrepos/app:pull,push": "pull",
			"repository:publicrepos/a/b:pull":      "",
			"repository:firstuser/app:pull":        "",
			"registry:catalog:*":                   "",
			"repository::pull":                     "",
		}),
		authztest.As(first, authztest.Grants{
			"repository:publicrepos/app:pull,push,delete":      "pull,push",
			"repository:first_user_group-shared/app:pull,push": "pull,push",
			"repository:firstuser/app:pull,push,delete":        "pull,push,delete",
			"repository:admin/app:pull":                        "",
		}),
		authztest.As(admin, authztest.Grants{
			"repository:any/app:*,pull": "*,pull",
			"registry:catalog:*":        "*",
			"repository::pull":          "pull",
		}),
	})
	authztest.CheckInvariants(t, l, []authn.Subject{anonymous, admin, first})
	var policy Policy
	policy.Replace(l)
	authztest.CheckInvariants(t, &policy, []authn.Subject{anonymous, admin, first})
}

// TestOptionalVariables has expressions that match without a value of their variable. A refusing
// rule must not let these requests pass.
func TestOptionalVariables(t *testing.T) {
	alice := user("alice", groups("devs", "ops"))
	service := authn.Subject{Name: "alice", Kind: authn.KindServiceAccount}
	for name, test := range map[string]struct {
		pattern string
		subject authn.Subject
		refused []string
		granted []string
	}{
		"an alternative": {
			`/^(${account}|secret)\\/.+$/`,
			alice,
			[]string{"alice/x", "secret/x"},
			[]string{"bob/x"},
		},
		"an alternative with an anchor": {
			`/^private\\/|^${account}\\//`,
			alice,
			[]string{"private/x", "alice/x"},
			[]string{"bob/x"},
		},
		"an alternative to the whole value": {
			`/^${account}$|^private\\/.+/`, alice, []string{"private/x"}, []string{"alice/x"},
		},
		"an optional prefix": {
			`/^(${labels:group}\\/)?private\\/.+$/`,
			alice,
			[]string{"private/x", "devs/private/x", "ops/private/x"},
			[]string{"hr/private/x", "devs/ops/private/x"},
		},
		"a repeated prefix": {
			`/^(${labels:group}\\/)*private\\/.+$/`,
			alice,
			[]string{"private/x", "devs/private/x", "devs/devs/private/x"},
			[]string{"hr/private/x", "devs/ops/private/x", "devs/hr/private/x"},
		},
		"a prefix that is repeated at least once": {
			`/^(${labels:group}\\/)+app$/`,
			alice,
			[]string{"devs/app", "devs/devs/app"},
			[]string{"devs/ops/app", "ops/devs/app", "x/app"},
		},
		"a counted prefix": {
			`/^(${labels:group}\\/){2}app$/`,
			alice,
			[]string{"devs/devs/app"},
			[]string{"devs/app", "devs/ops/app"},
		},
		"a label in both alternatives": {
			`/^(${labels:group}|x-${labels:group}|y)\\/.+$/`,
			alice,
			[]string{"devs/x", "x-ops/x", "y/x"},
			[]string{"x/x"},
		},
		"a value in another case": {
			`/^((?i)${account}|secret)\\/.+$/`,
			alice,
			[]string{"ALICE/x", "secret/x", "SECRET/x"},
			[]string{"bob/x"},
		},
		"a variable before a flag": {
			`/^(${account}(?i)-x|secret)\\/.+$/`,
			alice,
			[]string{"alice-X/x", "SECRET/x"},
			[]string{"ALICE-x/x"},
		},
		"the anonymous subject": {
			`/^(${account}|secret)\\/.+$/`, authn.Subject{}, []string{"secret/x"}, []string{"a/x"},
		},
		"a service account": {
			`/^(${account}|secret)\\/.+$/`, service, []string{"secret/x"}, []string{"alice/x"},
		},
		"an account with a slash": {
			`/^(${account}|secret)\\/.+$/`,
			user("alice/team", nil),
			[]string{"secret/x"},
			[]string{"alice/team/x"},
		},
		"an absent label": {
			`/^(${labels:none}\\/)?private\\/.+$/`,
			alice,
			[]string{"private/x"},
			[]string{"devs/private/x"},
		},
		"an absent label under a quantifier": {
			`/^(${labels:none}\\/)*private\\/.+$/`,
			alice,
			[]string{"private/x"},
			[]string{"devs/private/x"},
		},
		"a value that is too long": {
			`/^(${account}|secret)\\/.+$/`,
			user(strings.Repeat("a", 256), nil),
			[]string{"secret/x"},
			[]string{"a/x"},
		},
		"a value that is not UTF-8": {
			`/^(${account}|secret)\\/.+$/`,
			user("a\xff", nil),
			[]string{"secret/x"},
			[]string{"a/x"},
		},
		"an absent capture group": {
			`/^(${account:1}|secret)\\/.+$/`, alice, []string{"secret/x"}, []string{"alice/x"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := mustCompile(t, mustParse(t, `[
				{"match": {"name": "`+test.pattern+`"}, "actions": []},
				{"match": {"name": "/./"}, "actions": ["*"]}
			]`)...)
			for _, name := range test.refused {
				if d := decide(t, l, ask(test.subject, name, "pull")); d.Reason != "rule 1" {
					t.Errorf("%s: got %+v, want a refusal by rule 1", name, d)
				}
			}
			for _, name := range test.granted {
				if d := decide(t, l, ask(test.subject, name, "pull")); d.Reason != "rule 2" {
					t.Errorf("%s: got %+v, want a grant by rule 2", name, d)
				}
			}
		})
	}
}

// TestValuesAreLiteral has values that docker_auth would read as patterns, and similar traps.
func TestValuesAreLiteral(t *testing.T) {
	service := authn.Subject{Name: "alice", Kind: authn.KindServiceAccount, Labels: groups("devs")}
	for name, test := range map[string]struct {
		match   string
		subject authn.Subject
		asked   string
		matches bool
	}{
		"a star in a label is no wildcard": {
			`{"name": "${labels:group}/*"}`, user("mallory", groups("*")), "other/x", false,
		},
		"a question mark in a label is no wildcard": {
			`{"name": "${labels:group}/*"}`, user("mallory", groups("?????")), "other/x", false,
		},
		"a class in a label is literal": {
			`{"name": "${labels:group}/*"}`, user("mallory", groups("[a-z]ops")), "oops/x", false,
		},
		"a backslash in a label escapes nothing": {
			`{"name": "${labels:group}*/x"}`, user("mallory", groups(`\`)), "*/x", false,
		},
		"an expression in a label is literal": {
			`{"name": "/^${labels:group}\\/x$/"}`,
			user("mallory", groups(".*", "a|.*", "(", "other|")),
			"other/x",
			false,
		},
		"a label cannot end an alternation": {
			`{"name": "/^(a|${labels:group})$/"}`,
			user("mallory", groups(")|(.*")),
			"other/x",
			false,
		},
		"a label cannot turn on a flag": {
			`{"name": "/^${labels:group}$/"}`, user("mallory", groups("(?i)OTHER")), "other", false,
		},
		"a label that is not UTF-8 does not disable the others": {
			`{"name": "/^(?i)${labels:group}\\/x$/"}`,
			user("alice", groups("\xff", "other")),
			"other/x",
			true,
		},
		"a plain label matches": {
			`{"name": "/^${labels:group}\\/x$/"}`,
			user("alice", groups("no", "other")),
			"other/x",
			true,
		},
		"a value is a unit before a quantifier": {
			`{"name": "/^${labels:group}+$/"}`, user("alice", groups("ab")), "abbb", false,
		},
		"a star in an account is no wildcard": {
			`{"name": "${account}/*"}`, user("*", nil), "other/x", false,
		},
		"a star in a capture group is no wildcard": {
			`{"account": "/^(.+)@x$/", "name": "${account:1}/*"}`,
			user("*@x", nil),
			"other/x",
			false,
		},
		"an expression in a capture group is literal": {
			`{"account": "/^(.+)@x$/", "name": "/^${account:1}\\/x/"}`,
			user(".*@x", nil),
			"other/x",
			false,
		},
		"a plain capture group matches": {
			`{"account": "/^(.+)@x$/", "name": "${account:1}/*"}`,
			user("other@x", nil),
			"other/x",
			true,
		},
		"an empty capture group never matches": {
			`{"account": "/^(.*)@x$/", "name": "a${account:1}/*"}`, user("@x", nil), "a/x", false,
		},
		"a service that is a star is no wildcard": {
			`{"name": "x/${service}"}`, user("alice", nil), "x/other", false,
		},
		"an account in a label pattern is literal": {
			`{"labels": {"group": "${account}"}}`, user("*", groups("devs")), "x", false,
		},
		"an absent label never matches": {
			`{"name": "${labels:group}*/x"}`, user("alice", nil), "other/x", false,
		},
		"an empty label never matches": {
			`{"name": "${labels:group}*/x"}`, user("alice", groups("")), "other/x", false,
		},
		"an empty label never matches in an expression": {
			`{"name": "/^${labels:group}/"}`, user("alice", groups("")), "other/x", false,
		},
		"an absent label in an expression never matches": {
			`{"name": "/${labels:group}/"}`, user("alice", nil), "other/x", false,
		},
		"the anonymous account never matches a variable": {
			`{"name": "${account}*/*"}`, authn.Subject{}, "other/x", false,
		},
		"an account with a slash owns nothing": {
			`{"name": "${account}/*"}`, user("other/team", nil), "other/team/x", false,
		},
		"a captured slash owns nothing": {
			`{"account": "/^(.+)@x$/", "name": "${account:1}/*"}`,
			user("other/team@x", nil),
			"other/team/x",
			false,
		},
		"a label may be a path": {
			`{"name": "${labels:group}/*"}`,
			user("alice", groups("other/team")),
			"other/team/x",
			true,
		},
		"a label that is a path is not its parent": {
			`{"name": "${labels:group}/*"}`, user("alice", groups("other/team")), "other/x", false,
		},
		"a label does not match a longer component": {
			`{"name": "${labels:group}/*"}`, user("alice", groups("oth")), "other/x", false,
		},
		"require_account excludes the anonymous subject": {
			`{}, "require_account": true`, authn.Subject{}, "other/x", false,
		},
		"require_account admits a user": {
			`{}, "require_account": true`, user("alice", nil), "other/x", true,
		},
		"require_account admits a service account": {
			`{}, "require_account": true`, service, "other/x", true,
		},
		"an empty account matches the anonymous subject": {
			`{"account": ""}`, authn.Subject{}, "other/x", true,
		},
		"an empty account does not match a user": {
			`{"account": ""}`, user("alice", nil), "other/x", false,
		},
		"an empty account does not match a service account": {
			`{"account": ""}`, service, "other/x", false,
		},
		"a service account is not the user of its name": {
			`{"account": "alice"}`, service, "other/x", false,
		},
		"a service account is not any user": {
			`{"account": "/.*/"}`, service, "other/x", false,
		},
		"a service account has no namespace": {
			`{"name": "${account}/*"}`, service, "alice/x", false,
		},
		"a service account has labels": {
			`{"name": "${labels:group}/*"}`, service, "devs/x", true,
		},
		"a star does not match two dots": {
			`{"name": "alice/*"}`, user("alice", nil), "alice/..", false,
		},
		"a star does not match an empty component": {
			`{"name": "alice/*/x"}`, user("alice", nil), "alice//x", false,
		},
		"nothing matches a rooted name": {`{}`, user("alice", nil), "/x", false},
		"nothing matches a name that is too long": {
			`{}`, user("alice", nil), strings.Repeat("a", 256), false,
		},
		"the longest name matches": {
			`{"name": "${account}*"}`, user("a", nil), strings.Repeat("a", 255), true,
		},
		"nothing matches control characters": {
			`{}`, user("alice", nil), "alice/x\n", false,
		},
		"a rule for repositories does not match zot's catalog": {
			`{"type": "repository", "name": "*"}`, user("alice", nil), "", false,
		},
		"the name * without type matches the catalog": {
			`{"name": "*"}`, user("alice", nil), "", true,
		},
		"an anchored expression matches only the beginning": {
			`{"name": "/^${account}/.+$/"}`, user("alice", nil), "evil/alice/x", false,
		},
		"an expression needs no escaped slash": {
			`{"name": "/${account}/.+/"}`, user("alice", nil), "evil/alice/x", true,
		},
		"a rule for the catalog matches zot's catalog": {
			`{"type": "registry", "name": "catalog"}`, user("alice", nil), "", true,
		},
		"a repeated label has one value": {
			`{"name": "${labels:group}/${labels:group}"}`,
			user("alice", groups("a", "b")),
			"a/b",
			false,
		},
		"a repeated label tries every value": {
			`{"name": "${labels:group}/${labels:group}"}`,
			user("alice", groups("a", "b")),
			"b/b",
			true,
		},
		"a repeated label has one value in an expression": {
			`{"name": "/^${labels:group}\\/${labels:group}$/"}`,
			user("alice", groups("a", "b")),
			"a/b",
			false,
		},
		"a repeated label tries every value in an expression": {
			`{"name": "/^${labels:group}\\/${labels:group}$/"}`,
			user("alice", groups("a", "b")),
			"b/b",
			true,
		},
		"an unanchored expression matches anywhere": {
			`{"name": "/${account}\\/.+/"}`, user("alice", nil), "evil/alice/x", true,
		},
		"a value cannot turn a glob into an expression": {
			`{"name": "${account}x/"}`, user("/.*", nil), "other/x", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := mustCompile(t, mustParse(t, `[{"actions": ["*"], "match": `+test.match+`}]`)...)
			r := ask(test.subject, test.asked, "pull")
			r.Service = "*"
			if d := decide(t, l, r); (len(d.Actions) == 1) != test.matches {
				t.Errorf("got %+v, want a match: %t", d, test.matches)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	for name, test := range map[string]struct {
		ip, from string
		matches  bool
	}{
		"an address":                         {"10.1.2.3", "10.1.2.3", true},
		"another address":                    {"10.1.2.3", "10.1.2.4", false},
		"a prefix":                           {"10.0.0.0/8", "10.1.2.3", true},
		"a prefix with host bits":            {"10.9.9.9/8", "10.1.2.3", true},
		"IPv6":                               {"2001:db8::/48", "2001:db8::1", true},
		"another IPv6 prefix":                {"2001:db8::/48", "2001:db9::1", false},
		"an IPv4-mapped client address":      {"10.0.0.0/8", "::ffff:10.1.2.3", true},
		"an IPv4-mapped prefix":              {"::ffff:10.0.0.0/104", "10.1.2.3", true},
		"an IPv4-mapped address":             {"::ffff:10.1.2.3", "10.1.2.3", true},
		"::/0 does not contain IPv4":         {"::/0", "10.1.2.3", false},
		"a zone does not matter":             {"fe80::/10", "fe80::1%eth0", true},
		"an unknown address is in no prefix": {"0.0.0.0/0", "", false},
		"an unknown address is not in ::/0":  {"::/0", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			l := mustCompile(t, Rule{Match: &Match{IP: &test.ip}, Actions: []string{"pull"}})
			r := ask(user("alice", nil), "app", "pull")
			if test.from != "" {
				r.RemoteAddr = netip.MustParseAddr(test.from)
			}
			if d := decide(t, l, r); d.NoMatch == test.matches {
				t.Errorf("got %+v, want a match: %t", d, test.matches)
			}
		})
	}
}

func TestActions(t *testing.T) {
	for name, test := range map[string]struct {
		actions, asked string
		granted        []string
	}{
		"requested and allowed actions are granted": {
			`["pull", "push"]`, "repository:x:delete,pull", []string{"pull"},
		},
		"an empty list refuses": {`[]`, "repository:x:pull", []string{}},
		"a star grants every requested action": {
			`["*"]`, "repository:x:delete,pull", []string{"delete", "pull"},
		},
		"a star grants a requested star": {`["*"]`, "registry:catalog:*", []string{"*"}},
		"a star next to others grants only a requested star": {
			`["*", "pull"]`, "repository:x:*,pull,push", []string{"*", "pull"},
		},
		"a requested star is not granted without one": {
			`["pull"]`, "repository:x:*,pull", []string{"pull"},
		},
		"zot's catalog for a star": {`["*"]`, "repository::pull", []string{"pull"}},
		"zot's catalog for a star next to others": {
			`["*", "push"]`, "repository::pull,push", []string{"pull"},
		},
		"zot's catalog without a star": {`["pull"]`, "repository::pull", []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			rule := `{"match": {}, "actions": ` + test.actions + `, "comment": "why"}`
			l := mustCompile(t, mustParse(t, "["+rule+"]")...)
			asked, err := scope.Parse(test.asked)
			if err != nil {
				t.Fatal(err)
			}
			d := decide(t, l, authz.Request{Subject: user("alice", nil), Scope: asked})
			if d.NoMatch || !slices.Equal(d.Actions, test.granted) || d.Reason != "rule 1: why" {
				t.Errorf("got %+v, want %q by rule 1", d, test.granted)
			}
		})
	}
}

func TestFirstMatchWinsWhereverARuleIsFiled(t *testing.T) {
	rules := mustParse(t, `[
		{"match": {"account": "alice", "name": "team/*"}, "actions": []},
		{"match": {"name": "/app$/"}, "actions": ["pull"]},
		{"match": {"name": "team/app"}, "actions": ["push"]},
		{"match": {"labels": {"group": "devs"}}, "actions": ["delete"]},
		{"match": {"name": "${labels:group}/*"}, "actions": ["*"]}
	]`)
	r := ask(user("alice", groups("devs", "team")), "team/app", "pull", "push")
	for first := range rules {
		if d := decide(t, mustCompile(t, rules[first:]...), r); d.Reason != "rule 1" {
			t.Errorf("rules from %d: decided by %q, want the first", first+1, d.Reason)
		}
	}
}

// TestManyLabelsAreCheap has three labels with 150 values each, which take docker_auth 17 seconds,
// and a name that many prefixes of values match.
func TestManyLabelsAreCheap(t *testing.T) {
	labels := make(map[string][]string)
	for _, label := range []string{"a", "b", "c"} {
		for i := range 150 {
			value := fmt.Sprintf("value-%d", i)
			labels[label] = append(labels[label], strings.Repeat("x", i%30+1), value)
		}
	}
	name := strings.Repeat("x", 200) + "/nothing"
	for _, pattern := range []string{
		"${labels:a}${labels:b}${labels:c}/*",
		"*${labels:a}*${labels:b}*${labels:c}*y/*",
		"/^${labels:a}-${labels:b}-${labels:c}$/",
		"/(?i)${labels:a}.*${labels:b}.*${labels:c}.*y/",
		"/${labels:a}?${labels:b}?(${labels:c}|-)y/",
		"/(?i)(${labels:a}-?)+y/",
		"/^(${labels:a}-?)+y/",
		"${labels:a}*${labels:a}${labels:b}${labels:c}y",
	} {
		t.Run(pattern, func(t *testing.T) {
			l := mustCompile(t, Rule{Match: &Match{Name: &pattern}, Actions: []string{"pull"}})
			r := ask(user("alice", labels), name, "pull")
			began := time.Now()
			for range 3 {
				if d := decide(t, l, r); len(d.Actions) > 0 {
					t.Fatalf("got %+v", d)
				}
			}
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("three decisions took %v", took)
			}
		})
	}
}

func TestHostileNamesAreCheap(t *testing.T) {
	name := strings.Repeat("a", 200) + "b"
	stars := strings.Repeat("*a", 100)
	for _, pattern := range []string{
		stars, "${account}" + stars, "/^(a+)+$/", "/^${account}(a*)*$/",
	} {
		l := mustCompile(t, Rule{Match: &Match{Name: &pattern}, Actions: []string{"pull"}})
		began := time.Now()
		if d := decide(t, l, ask(user("a", nil), name, "pull")); !d.NoMatch {
			t.Errorf("%s: got %+v", pattern, d)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("%s: took %v", pattern, took)
		}
	}
}
