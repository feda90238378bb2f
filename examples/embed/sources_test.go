package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/authntest"
	"github.com/berthpass/registry-auth/scope"
)

// newPortal returns a portal that alice can log in to by each of its ways, and the end of her session.
func newPortal(t *testing.T) (p *portal, end time.Time) {
	t.Helper()
	p, err := openPortal()
	if err != nil {
		t.Fatal(err)
	}
	end = time.Now().Add(time.Hour).Truncate(time.Second)
	readOnly := &authn.Limit{Scopes: []scope.Scope{
		{Type: "repository", Name: "*", Actions: []string{"pull"}},
	}}
	hash := authn.HashToken
	p.sessions = map[string]session{
		hash("crumb"): {"alice", end},
		hash("stale"): {"alice", time.Now().Add(-time.Hour)},
		hash("ghost"): {"bob", end},
	}
	p.apiKeys = map[string]apiKey{"key_1": {"web", hash("looking")}}
	p.tokens = map[string]personalToken{
		"pat_1": {"alice", hash("glass"), readOnly}, "pat_2": {"alice", hash("all"), nil},
	}
	return p, end
}

func basic(name string, password authn.Secret) authn.Request {
	return authn.Request{Username: name, Password: password}
}

func withCookie(value authn.Secret) authn.Request { return authn.Request{Other: cookie{value}} }

// suites has the credentials of each kind. In a chain, unknown tokens are wrong passwords.
func suites(p *portal, end time.Time) map[string]authntest.Suite {
	alice := authn.Subject{Name: "alice", Data: teams{"web"}}
	inSession, limited := alice, alice
	inSession.ValidUntil, limited.Limit = end, p.tokens["pat_1"].limit
	robot := authn.Subject{Name: "robot/web", Kind: authn.KindServiceAccount, Data: teams{"web"}}
	return map[string]authntest.Suite{
		"passwords": {
			Source:  p.passwords(),
			Logins:  []authntest.Login{{Request: basic("alice", "wonderland"), Subject: alice}},
			Wrong:   []authn.Request{basic("alice", "rabbit")},
			Unknown: []authn.Request{basic("bob", "wonderland")},
		},
		"sessions": {
			Source:  p.loggedIn(),
			Logins:  []authntest.Login{{Request: withCookie("crumb"), Subject: inSession}},
			Wrong:   []authn.Request{withCookie("stale")},
			Unknown: []authn.Request{withCookie("crumbs"), withCookie(""), withCookie("ghost")},
			Change: func() authn.Request {
				p.sessions = map[string]session{authn.HashToken("fresh"): {"alice", end}}
				return withCookie("fresh")
			},
		},
		"API keys": {
			Source: p.programs(),
			Logins: []authntest.Login{{Request: basic("token", "key_1.looking"), Subject: robot}},
			Wrong: []authn.Request{
				basic("token", "key_1.glass"),
				basic("token", "key_1.looking."),
			},
			Unknown: []authn.Request{basic("token", "key_1"), basic("token", "key_2.looking")},
			Change: func() authn.Request {
				p.apiKeys["key_1"] = apiKey{"web", authn.HashToken("new")}
				return basic("token", "key_1.new")
			},
		},
		"personal tokens": {
			Source: p.personalTokens(),
			Logins: []authntest.Login{
				{Request: basic("alice", "pat_1.glass"), Subject: limited},
				{Request: basic("alice", "pat_2.all"), Subject: alice},
			},
			Wrong:   []authn.Request{basic("alice", "pat_1.all"), basic("bob", "pat_1.glass")},
			Unknown: []authn.Request{basic("token", "pat_3.glass")},
		},
	}
}

func TestSources(t *testing.T) {
	for _, name := range []string{"passwords", "sessions", "API keys", "personal tokens"} {
		t.Run(name, func(t *testing.T) {
			p, end := newPortal(t)
			suite := suites(p, end)[name]
			suite.Break = func() { p.down = errors.New("the database is down") }
			authntest.Run(t, suite)
		})
	}
}

// Each kind of credentials keeps the contract among the others too.
func TestTheChainOfAllSources(t *testing.T) {
	p, end := newPortal(t)
	idp := newProvider(t)
	all := authntest.Suite{
		Source: p.credentials(idp.source(t)),
		Break: func() {
			p.down = errors.New("the database is down")
			idp.server.Close()
		},
	}
	for _, suite := range slices.AppendSeq([]authntest.Suite{idp.suite(t)}, maps.Values(suites(p, end))) {
		all.Logins = append(all.Logins, suite.Logins...)
		all.Wrong = append(all.Wrong, suite.Wrong...)
		all.Unknown = append(all.Unknown, suite.Unknown...)
	}
	authntest.Run(t, all)
}

func TestACookieIsNotPrinted(t *testing.T) {
	r := withCookie("crumb")
	if text := fmt.Sprintf("%v %+v %#v", r, r, r.Other); strings.Contains(text, "crumb") {
		t.Error(text)
	}
}
