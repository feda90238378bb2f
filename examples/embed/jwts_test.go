package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/authntest"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

// A provider is an identity provider that serves its keys.
type provider struct {
	server *httptest.Server
	key    *rsa.PrivateKey
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{key: key}
	mux := http.NewServeMux()
	p.server = httptest.NewServer(mux)
	t.Cleanup(p.server.Close)
	serve := func(path string, document any) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode(document)
		})
	}
	serve("/keys", jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"},
	}})
	serve("/.well-known/openid-configuration", map[string]string{
		"issuer": p.server.URL, "jwks_uri": p.server.URL + "/keys",
	})
	return p
}

func (p *provider) token(t *testing.T, subject, audience string, expires time.Time) authn.Secret {
	t.Helper()
	key := jose.JSONWebKey{Key: p.key, KeyID: "1"}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(map[string]any{
		"iss": p.server.URL, "sub": subject, "aud": audience, "exp": expires.Unix(),
		"iat": time.Now().Unix(), "groups": []string{"web"},
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return authn.Secret(text)
}

// jwt is a good one.
func (p *provider) jwt(t *testing.T) authn.Secret {
	t.Helper()
	return p.token(t, "248289761001", "registry.example.com", time.Now().Add(time.Hour))
}

func (p *provider) source(t *testing.T) authn.Authenticator {
	t.Helper()
	source, err := jwts(p.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func (p *provider) suite(t *testing.T) authntest.Suite {
	t.Helper()
	const audience = "registry.example.com"
	soon := time.Now().Add(time.Hour).Truncate(time.Second)
	good := authn.Subject{
		Name: "idp/248289761001", ValidUntil: soon, Data: map[string]any{"groups": []any{"web"}},
	}
	return authntest.Suite{
		Source: p.source(t),
		Logins: []authntest.Login{{
			Request: basic("any", p.token(t, "248289761001", audience, soon)), Subject: good,
			Unconfirmable: true, Offline: true,
		}},
		Wrong: []authn.Request{
			basic("any", p.token(t, "248289761001", "another.example.com", soon)),
			basic("any", p.token(t, "248289761001", audience, soon.Add(-2*time.Hour))),
			basic("any", p.token(t, "", audience, soon)),
		},
		Unknown: []authn.Request{
			basic("bob", "wonderland"), basic("any", newProvider(t).jwt(t)),
		},
		Break: p.server.Close,
	}
}

func TestJWTs(t *testing.T) { authntest.Run(t, newProvider(t).suite(t)) }

func TestAnExchangedTokenKeepsItsLimitAndItsEnd(t *testing.T) {
	pull := scope.Scope{Type: "repository", Name: "a", Actions: []string{"pull"}}
	end := time.Now().Add(time.Minute)
	s := exchanged(token.Claims{Subject: "alice", ExpiresAt: end, Access: []scope.Scope{pull}})
	asked := scope.Scope{Type: "repository", Name: "a", Actions: []string{"pull", "push"}}
	if got := s.Limit.Allow(asked).Actions; !slices.Equal(got, pull.Actions) {
		t.Errorf("it allows %q", got)
	}
	if s.Name != "alice" || !s.ValidUntil.Equal(end) {
		t.Errorf("it is %+v", s)
	}
}
