package load

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/refresh"
)

const (
	service = "registry.test"
	issuer  = "auth.test"
	scope   = "repository:public/app:pull"
)

// newServer is a real token server with these users.
func newServer(t *testing.T, users ...User) (at string, verifier *token.Verifier) {
	t.Helper()
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := token.NewKeySet(key)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err = token.NewVerifier(token.VerifierConfig{Issuer: issuer, Audience: service, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := token.NewIssuer(token.IssuerConfig{Name: issuer, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	refresh, err := refresh.New(refresh.Config{Store: refresh.NewMemoryStore()})
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	var list []static.User
	for _, u := range users {
		hash, err := bcrypt.GenerateFromPassword([]byte(u.Password), 5)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, static.User{Name: u.Name, PasswordHash: authn.Secret(hash)})
	}
	source, err := static.New(static.Config{Users: list, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := auth.NewServer(auth.Config{
		Services:         auth.ServiceMap{service: tokens},
		Authenticator:    authn.Cache(source, authn.CacheConfig{}),
		AnonymousAllowed: true,
		Authorizer:       authz.PublicPull("public"),
		RefreshTokens:    refresh,
		Logger:           quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, handler), verifier
}

func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

// says is a server with one answer.
func says(t *testing.T, status int, body string) string {
	t.Helper()
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
}

// config is for one group, which ends by its rounds.
func config(at string, g Group) Config {
	if g.Clients == 0 {
		g.Clients = 1
	}
	return Config{URL: at, Service: service, Groups: []Group{g}, Duration: time.Minute, Timeout: 30 * time.Second}
}

// play runs a configuration and returns what its first group found.
func play(t *testing.T, c Config) *GroupReport {
	t.Helper()
	report, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return &report.Groups[0]
}
