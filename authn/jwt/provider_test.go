package jwt_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/jwt"
)

const audience = "registry.example.com"

// A provider is an identity provider. As a RoundTripper it answers without a network, for synctest
// and faults.
type provider struct {
	issuer  string
	logs    bytes.Buffer
	key     *ecdsa.PrivateKey
	keyID   int
	handler http.Handler

	mu      sync.Mutex
	fetches int
	delay   time.Duration
	down    error
}

func newProvider() *provider {
	p := &provider{issuer: "https://idp.example.com"}
	p.rotate()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration",
		func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]string{
				"issuer": p.issuer, "jwks_uri": strings.TrimSuffix(p.issuer, "/") + "/keys",
			})
		})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.fetches++
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{
			Key: p.key.Public(), KeyID: strconv.Itoa(p.keyID), Algorithm: "ES256", Use: "sig",
		}}})
	})
	p.handler = mux
	return p
}

// rotate replaces the key.
func (p *provider) rotate() {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.keyID = key, p.keyID+1
}

func (p *provider) fail(err error, delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down, p.delay = err, delay
}

func (p *provider) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	delay, down := p.delay, p.down
	if down != nil {
		p.fetches++
	}
	p.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if down != nil {
		return nil, down
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

func (p *provider) fetched() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetches
}

// config is one that finds the keys by discovery.
func (p *provider) config() jwt.Config {
	return jwt.Config{
		Issuer: p.issuer, Audience: audience, Client: &http.Client{Transport: p},
		Logger: slog.New(slog.NewTextHandler(&p.logs, nil)),
	}
}

// claims are good ones, with changes. A nil removes a claim.
func (p *provider) claims(changes map[string]any) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": p.issuer, "sub": "248289761001", "aud": audience,
		"exp": now.Add(time.Hour).Unix(), "iat": now.Unix(),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// jwt is a good one, with changes of its claims.
func (p *provider) jwt(changes map[string]any) string {
	key := jose.JSONWebKey{Key: p.key, KeyID: strconv.Itoa(p.keyID)}
	return sign(jose.SigningKey{Algorithm: jose.ES256, Key: key}, "", p.claims(changes))
}

func sign(key jose.SigningKey, typ string, claims any) string {
	options := &jose.SignerOptions{}
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	signer := must(jose.NewSigner(key, options))
	return must(must(signer.Sign(must(json.Marshal(claims)))).CompactSerialize())
}

// must is for what never fails, also in examples.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func newSource(t *testing.T, config jwt.Config) authn.Authenticator {
	t.Helper()
	source, err := jwt.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func login(t *testing.T, source authn.Authenticator, raw string) (authn.Subject, error) {
	t.Helper()
	return source.Authenticate(t.Context(), request(raw))
}

func request(raw string) authn.Request {
	return authn.Request{Username: "any", Password: authn.Secret(raw)}
}

// isOutage tells what the contract of an Authenticator calls an outage.
func isOutage(err error) bool {
	return err != nil && !errors.Is(err, authn.ErrRejected) && !errors.Is(err, authn.ErrNoMatch)
}

// answer is a handler with a fixed response.
func answer(status int, header http.Header, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}
