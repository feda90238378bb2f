package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
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

	mu      sync.Mutex
	key     *rsa.PrivateKey
	keyID   int
	fetches int
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	p.rotate(t)
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.fetches++
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
			{Key: p.key.Public(), KeyID: strconv.Itoa(p.keyID), Algorithm: "RS256", Use: "sig"},
		}})
	}))
	t.Cleanup(p.server.Close)
	return p
}

func (p *provider) rotate(t *testing.T) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.keyID = key, p.keyID+1
}

func (p *provider) fetched() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetches
}

func (p *provider) token(t *testing.T, subject, audience string, expires time.Time) authn.Secret {
	t.Helper()
	key := jose.JSONWebKey{Key: p.key, KeyID: strconv.Itoa(p.keyID)}
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

func (p *provider) source(t *testing.T) *jwts {
	t.Helper()
	source := &jwts{
		issuer: p.server.URL, audience: "registry.example.com", jwksURL: p.server.URL,
	}
	go source.keepFresh(t.Context())
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
			basic("any", newProvider(t).jwt(t)),
			basic("any", "eyJ.."),
		},
		Unknown: []authn.Request{basic("bob", "wonderland")},
		Break:   p.server.Close,
	}
}

func TestJWTs(t *testing.T) { authntest.Run(t, newProvider(t).suite(t)) }

// Anybody can send a JWT with a key that nobody knows.
func TestKeysAreFetchedForAnUnknownKeyAtABoundedRate(t *testing.T) {
	p := newProvider(t)
	source := &jwts{
		issuer: p.server.URL, audience: "registry.example.com", jwksURL: p.server.URL,
	}
	login := func(jwt authn.Secret) error {
		_, err := source.Authenticate(t.Context(), basic("any", jwt))
		return err
	}
	old := p.jwt(t)
	if err := login(old); err != nil || p.fetched() != 1 {
		t.Fatalf("the first JWT: %v, after %d fetches", err, p.fetched())
	}
	p.rotate(t)
	for range 10 {
		if err := login(p.jwt(t)); !errors.Is(err, authn.ErrRejected) || p.fetched() != 1 {
			t.Fatalf("within ten seconds: %v, after %d fetches", err, p.fetched())
		}
	}
	source.tried = source.tried.Add(-10 * time.Second)
	if err := login(p.jwt(t)); err != nil || p.fetched() != 2 {
		t.Errorf("after ten seconds: %v, after %d fetches", err, p.fetched())
	}
	if err := login(old); !errors.Is(err, authn.ErrRejected) {
		t.Errorf("a JWT with a withdrawn key: %v", err)
	}
}

// Its keys may be new ones, so clients must not discard the JWT.
func TestAnUnknownKeyIsAnOutageWhileTheProviderIsDown(t *testing.T) {
	p := newProvider(t)
	source := &jwts{issuer: p.server.URL, audience: "registry.example.com", jwksURL: p.server.URL}
	p.server.Close()
	for range 2 {
		_, err := source.Authenticate(t.Context(), basic("any", p.jwt(t)))
		if err == nil || errors.Is(err, authn.ErrRejected) || errors.Is(err, authn.ErrNoMatch) {
			t.Errorf("%v, want an outage", err)
		}
	}
}

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
