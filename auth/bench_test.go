package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authz/acl"
	"github.com/berthpass/registry-auth/token"
)

// BenchmarkGet is a whole GET: routing, parsing, login, the decision of a rule, signature, answer, and the audit record written to a
// handler that discards it. Bare is what cannot be saved: the hash and the signature of a token, by the standard library alone.
func BenchmarkGet(b *testing.B) {
	const anonymous = "service=registry.test&scope=repository:public/app:pull"
	b.Run("bare ES256", func(b *testing.B) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		message := make([]byte, 1200) // about the size of a token
		b.ReportAllocs()
		defer reportCPU(b)()
		for b.Loop() {
			digest := sha256.Sum256(message)
			if _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("anonymous", func(b *testing.B) {
		get(b, newBenchServer(b, token.IssuerConfig{}), anonymous, "")
	})
	b.Run("cached login", func(b *testing.B) {
		get(b, newBenchServer(b, token.IssuerConfig{}), benchLogin, "wonderland")
	})
	b.Run("anonymous, shared token", func(b *testing.B) {
		get(b, newBenchServer(b, token.IssuerConfig{ShareFor: time.Minute}), anonymous, "")
	})
	b.Run("cached login, shared token", func(b *testing.B) {
		get(b, newBenchServer(b, token.IssuerConfig{ShareFor: time.Minute}), benchLogin, "wonderland")
	})
}

const benchLogin = "service=registry.test&scope=repository:alice/app:pull,push"

// BenchmarkLogin is a login with a bcrypt-10 password: the first one, and a repeated one.
func BenchmarkLogin(b *testing.B) {
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		users := benchUsers(b)
		for b.Loop() {
			b.StopTimer()
			server := benchServer(b, authn.Cache(users, authn.CacheConfig{}), token.IssuerConfig{}) // which remembers nothing yet
			b.StartTimer()
			getOnce(b, server, benchRequest(b, benchLogin, "wonderland"))
		}
	})
	b.Run("repeated", func(b *testing.B) { get(b, newBenchServer(b, token.IssuerConfig{}), benchLogin, "wonderland") })
}

func get(b *testing.B, server http.Handler, query, password string) {
	b.Helper()
	r := benchRequest(b, query, password)
	getOnce(b, server, r)
	b.ReportAllocs()
	defer reportCPU(b)()
	for b.Loop() {
		getOnce(b, server, r)
	}
}

func getOnce(b *testing.B, server http.Handler, r *http.Request) {
	b.Helper()
	w := discard{header: make(http.Header)}
	server.ServeHTTP(&w, r)
	if w.status != http.StatusOK {
		b.Fatalf("status %d", w.status)
	}
}

func benchRequest(b *testing.B, query, password string) *http.Request {
	b.Helper()
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/token?"+query, nil)
	if password != "" {
		r.SetBasicAuth("alice", password)
	}
	return r
}

func newBenchServer(b *testing.B, config token.IssuerConfig) http.Handler {
	b.Helper()
	return benchServer(b, authn.Cache(benchUsers(b), authn.CacheConfig{}), config)
}

func benchUsers(b *testing.B) authn.Authenticator {
	b.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("wonderland"), 10)
	if err != nil {
		b.Fatal(err)
	}
	users, err := static.New(static.User{Name: "alice", PasswordHash: authn.Secret(hash)})
	if err != nil {
		b.Fatal(err)
	}
	return users
}

// benchServer routes, and decides by two rules.
func benchServer(b *testing.B, users authn.Authenticator, config token.IssuerConfig) http.Handler {
	b.Helper()
	rules, err := acl.ParseJSON([]byte(`[
		{"match": {"name": "public/*"}, "actions": ["pull"], "comment": "anybody may pull these"},
		{"match": {"account": "?*", "name": "${account}/*"}, "actions": ["*"], "comment": "one's own namespace"}
	]`))
	if err != nil {
		b.Fatal(err)
	}
	list, _, err := acl.Compile(rules)
	if err != nil {
		b.Fatal(err)
	}
	config.Name, config.Keys = issuerName, newIssuer(b).Keys()
	issuer, err := token.NewIssuer(config)
	if err != nil {
		b.Fatal(err)
	}
	server, err := auth.NewServer(auth.Config{
		Services:         map[string]*token.Issuer{service: issuer},
		Authenticator:    users,
		AnonymousAllowed: true,
		Authorizer:       acl.NewPolicy(list),
		Logger:           slog.New(discardLog{}),
	})
	if err != nil {
		b.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/token", server)
	return mux
}

// discard is a ResponseWriter that costs nothing.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

// WriteString is there because the ResponseWriter of net/http has it.
func (d *discard) WriteString(s string) (int, error) { return len(s), nil }

// discardLog is enabled, so that the record is made, and drops it.
type discardLog struct{}

func (discardLog) Enabled(context.Context, slog.Level) bool  { return true }
func (discardLog) Handle(context.Context, slog.Record) error { return nil }
func (l discardLog) WithAttrs([]slog.Attr) slog.Handler      { return l }
func (l discardLog) WithGroup(string) slog.Handler           { return l }
