package acl

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/authn"
)

func TestExplain(t *testing.T) {
	l := mustCompile(t, mustParse(t, `[
		{"match": {"account": "", "name": "public/*"}, "actions": ["pull"], "comment": "public"},
		{"match": {"name": "team/*", "labels": {"group": "devs"}}, "actions": ["push"]},
		{"match": {"name": "team/*", "ip": "10.0.0.0/8"}, "actions": ["push"]},
		{"match": {"name": "${labels:team}/*"}, "actions": ["push"], "require_account": true},
		{"match": {"name": "p*/*"}, "actions": ["pull"], "require_account": true},
		{"match": {"account": "bob", "type": "registry"}, "actions": ["*"]},
		{"match": {"type": "repository"}, "actions": [], "comment": "the end"}
	]`)...)
	ops := user("alice", groups("ops", "\x1b[2J"))
	inTeam := user("alice", map[string][]string{"team": {"x"}})
	service := authn.Subject{Name: "bob", Kind: authn.KindServiceAccount}
	for name, test := range map[string]struct {
		subject authn.Subject
		asked   string
		rule    int
		close   []string
	}{
		"a label with other values": {ops, "team/app", 7, []string{
			`2 match.labels.group label "group" is "ops, \x1b[2J", not "devs"`,
			`3 match.ip the address is unknown, and must be in 10.0.0.0/8`,
			`4 match.name name is "team/app", not "${labels:team}/*"; ${labels:team} has no value`,
			`5 match.name name is "team/app", not "p*/*"`,
		}},
		"a missing label": {user("alice", nil), "team/x", 7, []string{
			`2 match.labels.group the subject has no label "group"`,
			`3 match.ip the address is unknown, and must be in 10.0.0.0/8`,
			`4 match.name name is "team/x", not "${labels:team}/*"; ${labels:team} has no value`,
			`5 match.name name is "team/x", not "p*/*"`,
		}},
		"another account": {inTeam, "public/app", 5, []string{
			`1 match.account account is "alice", not ""`,
			`4 match.name name is "public/app", not "${labels:team}/*"`,
		}},
		"a service account": {service, "public/x", 5, []string{
			`1 match.account the subject has no account`,
			`4 match.name name is "public/x", not "${labels:team}/*"; ${labels:team} has no value`,
		}},
		"the anonymous subject": {authn.Subject{}, "private/app", 7, []string{
			`1 match.name name is "private/app", not "public/*"`,
			`5 require_account the subject is anonymous`,
		}},
		"the first rule":   {authn.Subject{}, "public/app", 1, nil},
		"a malformed name": {authn.Subject{}, "public/..", 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := ask(test.subject, test.asked, "pull")
			e := l.Explain(r)
			if e.Rule != test.rule || e.Decision.Reason != decide(t, l, r).Reason {
				t.Errorf("rule %d decided, want %d: %+v", e.Rule, test.rule, e.Decision)
			}
			var got []string
			for _, near := range e.Near {
				got = append(got, fmt.Sprintf("%d %s %s", near.Rule, near.Key, near.Why))
			}
			if !slices.Equal(got, test.close) {
				t.Errorf("got %q, want %q", got, test.close)
			}
		})
	}
}

func TestExplanationString(t *testing.T) {
	l := mustCompile(t, mustParse(t, tutorial)...)
	got := l.Explain(ask(user("alice", groups("ops")), "publicrepos/app", "pull", "push")).String()
	want := `user "alice" requests "repository:publicrepos/app:pull,push"
no rule matches, so nothing is granted
close: rule 1: anyone may pull the public namespace; account is "alice", not ""
close: rule 2: the first group may push there; label "group" is "ops", not "first_user_group"
close: rule 3: the administrator may do everything; account is "alice", not "admin"
close: rule 4: a group's shared namespace; name is "publicrepos/app", not "${labels:group}-shared/*"
close: rule 5: one's own namespace; name is "publicrepos/app", not "${account}/*"
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	got = l.Explain(ask(user("admin", nil), "x", "pull")).String()
	want = "granted \"pull\": rule 3: the administrator may do everything\n"
	if !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant a line\n%s", got, want)
	}
}

func TestExplanationsAreBounded(t *testing.T) {
	rules, r := many(10_000, shapes()["projects"])
	name := "project-none/" + strings.Repeat("x", 200)
	r.Scope.Name = name
	match := *rules[7].Match
	match.Service = &r.Service
	closest := Rule{Match: &match, Actions: []string{"pull"}, RequireAccount: true}
	e := mustCompile(t, append(rules, closest)...).Explain(r)
	if len(e.Near) != maxNear || e.More != 10_001-maxNear {
		t.Errorf("got %d near misses and %d more", len(e.Near), e.More)
	}
	if last := e.Near[len(e.Near)-1].Rule; last != 10_001 {
		t.Errorf("the last near miss is rule %d, want the one with the most conditions", last)
	}
	if text := e.String(); len(text) > 2000 {
		t.Errorf("the text has %d bytes", len(text))
	}
}
