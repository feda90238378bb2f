package main

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
)

func TestPrintDecisions(t *testing.T) {
	at := time.Date(2026, 3, 1, 14, 3, 5, 0, time.Local)
	app := scope.Scope{Type: "repository", Name: "alice/app", Actions: []string{"pull", "push"}}
	other := scope.Scope{Type: "repository", Name: "bob/app", Actions: []string{"pull"}}
	for name, test := range map[string]struct {
		record auth.AuditRecord
		want   string
	}{
		"a grant": {
			auth.AuditRecord{
				Subject: authn.Subject{Name: "alice"}, Status: 200,
				Decisions: []auth.ScopeDecision{{Asked: app, Granted: []string{"pull", "push"}, Reason: "own namespace"}},
			},
			"14:03:05 alice      repository:alice/app pull,push -> granted pull,push (own namespace)\n",
		},
		"a line for each resource": {
			auth.AuditRecord{
				Subject: authn.Subject{Name: "alice"}, Status: 200,
				Decisions: []auth.ScopeDecision{{Asked: app, Granted: []string{"pull"}, Reason: "some"}, {Asked: other, Reason: "no rule matches"}},
			},
			"14:03:05 alice      repository:alice/app pull,push -> granted pull (some)\n" +
				"14:03:05 alice      repository:bob/app pull -> refused (no rule matches)\n",
		},
		"an anonymous request": {
			auth.AuditRecord{Status: 200, Decisions: []auth.ScopeDecision{{Asked: other, Reason: "no rule matches"}}},
			"14:03:05 anonymous  repository:bob/app pull -> refused (no rule matches)\n",
		},
		"a login": {
			auth.AuditRecord{Status: 200, Credentials: "basic", Subject: authn.Subject{Name: "bob"}, Username: "bob"},
			"14:03:05 bob        login -> welcome\n",
		},
		"a wrong password": {
			auth.AuditRecord{Status: 401, Credentials: "basic", Username: "bob", Err: errors.New("incorrect username or password")},
			"14:03:05 bob        login -> refused with 401 (incorrect username or password)\n",
		},
		"a request that is none": {
			auth.AuditRecord{Status: 405, Err: errors.New("a token is asked for with GET or POST")},
			"14:03:05 anonymous  request -> refused with 405 (a token is asked for with GET or POST)\n",
		},
		"a name that would write to the terminal": {
			auth.AuditRecord{Status: 401, Credentials: "basic", Username: "a\x1b[2J\nb", Err: errors.New("no\n14:03:06 alice")},
			`14:03:05 "a\x1b[2J\nb" login -> refused with 401 ("no\n14:03:06 alice")` + "\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			test.record.Time = at
			printDecisions(&out)(t.Context(), test.record)
			if out.String() != test.want {
				t.Errorf("got  %q\nwant %q", out.String(), test.want)
			}
		})
	}
}
