package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/authntest"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/authz/authztest"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

func newPortal(t *testing.T) *portal {
	t.Helper()
	hash, err := password.NewHash("wonderland")
	if err != nil {
		t.Fatal(err)
	}
	pull := scope.Scope{Type: "repository", Name: "alice/*", Actions: []string{"pull"}}
	return &portal{
		users: map[string]user{"alice": {"alice", hash, []string{"web"}}},
		sessions: map[string]session{
			hashOf("crumb"): {"alice", time.Now().Add(time.Hour)},
			hashOf("stale"): {"alice", time.Now().Add(-time.Hour)},
		},
		apiKeys: map[string]apiKey{"key_1": {"web", hashOf("looking")}},
		tokens: map[string]personalToken{
			"pat_1": {"alice", hashOf("glass"), &authn.Limit{Scopes: []scope.Scope{pull}}},
		},
	}
}

func TestSources(t *testing.T) {
	p := newPortal(t)
	alice := func(limit *authn.Limit) authn.Subject {
		return authn.Subject{Name: "alice", Limit: limit}
	}
	for name, suite := range map[string]authntest.Suite{
		"passwords": {
			Source: p.passwords(),
			Logins: []authntest.Login{{
				Request: authn.Request{Username: "alice", Password: "wonderland"}, Subject: alice(nil),
			}},
			Wrong:   []authn.Request{{Username: "alice", Password: "rabbit"}},
			Unknown: []authn.Request{{Username: "bob", Password: "wonderland"}},
		},
		"sessions": {
			Source: authn.Func(p.loggedIn),
			Logins: []authntest.Login{{
				Request: authn.Request{Other: cookie("crumb")}, Subject: alice(nil),
				Unconfirmable: true,
			}},
			Wrong: []authn.Request{{Other: cookie("crumbs")}, {Other: cookie("")}},
		},
		"API keys": {
			Source: apiKeys{p},
			Logins: []authntest.Login{{
				Request: authn.Request{Username: "token", Password: "key_1.looking"},
				Subject: authn.Subject{Name: "robot/web", Kind: authn.KindServiceAccount},
			}},
			Wrong: []authn.Request{
				{Username: "token", Password: "key_1.glass"},
				{Username: "token", Password: "key_1"},
				{Username: "token", Password: "key_2.looking"},
			},
		},
		"personal tokens": {
			Source: personalTokens{p},
			Logins: []authntest.Login{{
				Request: authn.Request{Username: "alice", Password: "pat_1.glass"},
				Subject: alice(p.tokens["pat_1"].limit),
			}},
			Wrong: []authn.Request{
				{Username: "alice", Password: "pat_1.looking"},
				{Username: "alice", Password: "pat_2.glass"},
				{Username: "bob", Password: "pat_1.glass"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) { authntest.Run(t, suite) })
	}
}

// A provider is an identity provider that serves its keys.
type provider struct {
	key *rsa.PrivateKey
	url string
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(set)
	}))
	t.Cleanup(server.Close)
	return &provider{key, server.URL}
}

func (p *provider) token(t *testing.T, audience string, expires time.Time) authn.Secret {
	t.Helper()
	key := jose.JSONWebKey{Key: p.key, KeyID: "1"}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(map[string]any{
		"iss": p.url, "sub": "248289761001", "aud": audience, "exp": expires.Unix(),
		"iat": time.Now().Unix(), "groups": []string{"web"},
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return authn.Secret(text)
}

func (p *provider) source(t *testing.T) *jwts {
	t.Helper()
	source := &jwts{issuer: p.url, audience: "registry.example.com", jwksURL: p.url}
	if err := source.fetchKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	return source
}

func TestJWTs(t *testing.T) {
	p := newProvider(t)
	soon := time.Now().Add(time.Hour)
	authntest.Run(t, authntest.Suite{
		Source: p.source(t),
		Logins: []authntest.Login{{
			Request:       authn.Request{Username: "any", Password: p.token(t, "registry.example.com", soon)},
			Subject:       authn.Subject{Name: "idp/248289761001", ValidUntil: soon.Truncate(time.Second)},
			Unconfirmable: true,
		}},
		Wrong: []authn.Request{
			{Username: "any", Password: p.token(t, "another.example.com", soon)},
			{Username: "any", Password: p.token(t, "registry.example.com", time.Now().Add(-time.Hour))},
			{Username: "any", Password: newProvider(t).token(t, "registry.example.com", soon)},
		},
		Unknown: []authn.Request{{Username: "alice", Password: "wonderland"}},
	})
}

// All kinds of credentials log in at the one server, and each has its own rights.
func TestTokenServer(t *testing.T) {
	p, idp := newPortal(t), newProvider(t)
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	server, err := p.tokenServer(key, idp.source(t))
	if err != nil {
		t.Fatal(err)
	}
	basic := func(name, password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(name, password) }
	}
	cookie := func(value string) func(*http.Request) {
		return func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: "portal_session", Value: value})
		}
	}
	jwt := string(idp.token(t, "registry.example.com", time.Now().Add(time.Hour)))
	own, team := "alice/app:pull,push", "teams/web/site:pull,push"
	for name, test := range map[string]struct {
		login  func(*http.Request)
		status int
		access []string
	}{
		"a password":           {basic("alice", "wonderland"), 200, []string{own, team}},
		"a wrong password":     {basic("alice", "rabbit"), 401, nil},
		"a session":            {cookie("crumb"), 200, []string{own, team}},
		"a session that ended": {cookie("stale"), 401, nil},
		"no session":           {cookie("other"), 401, nil},
		"an API key":           {basic("token", "key_1.looking"), 200, []string{team}},
		"a wrong API key":      {basic("token", "key_1.glass"), 401, nil},
		"a personal token":     {basic("alice", "pat_1.glass"), 200, []string{"alice/app:pull"}},
		"another's token":      {basic("bob", "pat_1.glass"), 401, nil},
		"a JWT":                {basic("any", jwt), 200, nil},
		"nothing":              {func(*http.Request) {}, 401, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second one may be remembered
				status, access := ask(t, server, key, test.login)
				if status != test.status || !slices.Equal(access, test.access) {
					t.Errorf("status %d, access %q", status, access)
				}
			}
		})
	}
}

// ask asks for a token and returns its access, as its registry reads it.
func ask(
	t *testing.T, server http.Handler, key *token.Key, login func(*http.Request),
) (status int, access []string) {
	t.Helper()
	query := url.Values{"service": {"registry.example.com"}, "scope": {
		"repository:alice/app:pull,push", "repository:teams/web/site:pull,push",
		"repository:teams/ops/site:pull",
	}}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/token?"+query.Encode(), nil)
	login(r)
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return w.Code, nil
	}
	var answer struct{ Token string }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	bundle, err := token.ParseBundle(key.CertificatePEM())
	if err != nil {
		t.Fatal(err)
	}
	registry, err := token.NewVerifier(token.VerifierConfig{
		Issuer: "portal.example.com", Audience: "registry.example.com", Keys: bundle,
	})
	if err != nil {
		t.Fatal(err)
	}
	claims, err := registry.Verify(answer.Token)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range claims.Access {
		access = append(access, s.Name+":"+strings.Join(s.Actions, ","))
	}
	return w.Code, access
}

// A user whose name is that of the shared namespace owns nothing in it.
func TestPolicy(t *testing.T) {
	alice := authn.Subject{Name: "alice", Data: user{teams: []string{"web"}}}
	impostor := authn.Subject{Name: "teams"}
	rules := []authz.Authorizer{authz.Func(teams), authz.OwnNamespace()}
	build := func(rules []authz.Authorizer) (authz.Authorizer, error) {
		return authz.First(rules...), nil
	}
	cases := []authztest.Case{
		authztest.As(alice, authztest.Grants{
			"repository:teams/web/site:pull,push,delete": "pull,push",
			"repository:teams/ops/site:pull":             "",
			"repository:teams/web:pull":                  "",
			"repository:alice/app:pull,push":             "pull,push",
		}),
		authztest.As(impostor, authztest.Grants{
			"repository:teams/web/site:pull,push": "",
			"repository:teams/site:pull":          "",
		}),
	}
	policy := authz.First(rules...)
	authztest.Run(t, policy, cases)
	authztest.CheckInvariants(t, policy, []authn.Subject{alice, impostor})
	authztest.Mutants(t, rules, build, cases, authztest.Matrix{})
}
