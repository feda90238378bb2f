package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authz/acl"
	"github.com/berthpass/registry-auth/token/refresh"
	"github.com/berthpass/registry-auth/token/share"
)

const (
	benchAnonymous = "service=registry.test&scope=repository:public/app:pull"
	benchLogin     = "service=registry.test&scope=repository:alice/app:pull,push"
)

// BenchmarkGet is a whole GET: routing, parsing, login, the decision of a rule, signature, answer,
// and the audit record, which a handler discards. Bare is the lower bound: the hash and the
// signature of a token by the standard library alone, with randomness and as package token signs.
func BenchmarkGet(b *testing.B) {
	b.Run("bare ES256", func(b *testing.B) { benchLoop(b, bareSignature(b, rand.Reader)) })
	b.Run("bare ES256 of RFC 6979", func(b *testing.B) { benchLoop(b, bareSignature(b, nil)) })
	for _, bench := range []struct {
		name, query, password string
		config                benchConfig
	}{
		{"anonymous", benchAnonymous, "", benchConfig{}},
		{"cached login", benchLogin, "wonderland", benchConfig{}},
		{"cached login, 10000 rules", benchLogin, "wonderland", benchConfig{rules: 10_000}},
		{"anonymous, shared token", benchAnonymous, "", benchConfig{shareFor: time.Minute}},
		{"cached login, shared token", benchLogin, "wonderland", benchConfig{shareFor: time.Minute}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			benchLoop(b, getter(b, newBenchServer(b, bench.config), bench.query, bench.password))
		})
	}
}

// BenchmarkGetParallel is for "-cpu 1,2,4,8". With as many requests as processors, the time of one
// shrinks as that of the bare signature does, as long as the requests share nothing.
func BenchmarkGetParallel(b *testing.B) {
	b.Run("bare ES256 of RFC 6979", func(b *testing.B) { benchParallel(b, func() func(*testing.B) { return bareSignature(b, nil) }) })
	b.Run("anonymous", func(b *testing.B) {
		server := newBenchServer(b, benchConfig{})
		benchParallel(b, func() func(*testing.B) { return getter(b, server, benchAnonymous, "") })
	})
	b.Run("cached login", func(b *testing.B) {
		server := newBenchServer(b, benchConfig{})
		benchParallel(b, func() func(*testing.B) { return getter(b, server, benchLogin, "wonderland") })
	})
	b.Run("anonymous, shared token", func(b *testing.B) {
		server := newBenchServer(b, benchConfig{shareFor: time.Minute})
		benchParallel(b, func() func(*testing.B) { return getter(b, server, benchAnonymous, "") })
	})
}

// BenchmarkLogin is a login with a bcrypt-10 password: the bare hash, the first login, and a repeated one.
func BenchmarkLogin(b *testing.B) {
	b.Run("bare bcrypt 10", func(b *testing.B) {
		hash := benchHash(b)
		benchLoop(b, func(b *testing.B) {
			if err := bcrypt.CompareHashAndPassword(hash, []byte("wonderland")); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		users := benchUsers(b)
		for b.Loop() {
			b.StopTimer()
			server := benchServer(b, authn.Cache(users, authn.CacheConfig{}), benchConfig{}) // which remembers nothing yet
			ask := getter(b, server, benchLogin, "wonderland")
			b.StartTimer()
			ask(b)
		}
	})
	b.Run("repeated", func(b *testing.B) {
		benchLoop(b, getter(b, newBenchServer(b, benchConfig{}), benchLogin, "wonderland"))
	})
}

// BenchmarkRefresh is a POST with one of a thousand refresh tokens in memory.
func BenchmarkRefresh(b *testing.B) {
	tokens, err := refresh.New(refresh.Config{Store: refresh.NewMemoryStore(), MaxPerSubject: 1000})
	if err != nil {
		b.Fatal(err)
	}
	users := benchUsers(b)
	alice, err := users.Lookup(b.Context(), "alice")
	if err != nil {
		b.Fatal(err)
	}
	var secret authn.Secret
	for range 1000 {
		secret, _, err = tokens.Issue(b.Context(), alice, service, "bench")
		if err != nil {
			b.Fatal(err)
		}
	}
	form := url.Values{
		"grant_type": {"refresh_token"}, "service": {service}, "client_id": {"bench"},
		"scope": {"repository:alice/app:pull,push"}, "refresh_token": {string(secret)},
	}.Encode()
	server := benchServer(b, users, benchConfig{refreshTokens: tokens})
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/token", nil)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.ContentLength = int64(len(form))
	benchLoop(b, func(b *testing.B) {
		r.Body = io.NopCloser(strings.NewReader(form))
		serve(b, server, r)
	})
}

// benchLoop measures one thing after the other.
func benchLoop(b *testing.B, do func(*testing.B)) {
	b.Helper()
	do(b)
	b.ReportAllocs()
	defer reportCPU(b)()
	for b.Loop() {
		do(b)
	}
}

// benchParallel measures as many at once as there are processors. Each goroutine makes its own,
// since a request cannot be shared.
func benchParallel(b *testing.B, newDo func() func(*testing.B)) {
	b.Helper()
	newDo()(b)
	b.ReportAllocs()
	b.ResetTimer()
	defer reportCPU(b)()
	b.RunParallel(func(pb *testing.PB) {
		do := newDo()
		for pb.Next() {
			do(b)
		}
	})
}

// reportCPU measures the processor time of a benchmark's loop, with the garbage collector's. Unlike
// wall-clock time it is comparable on a busy machine.
func reportCPU(b *testing.B) (report func()) {
	b.Helper()
	start := cpuTime()
	return func() { b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/op") }
}

func bareSignature(b *testing.B, random io.Reader) func(*testing.B) {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	message := make([]byte, 1200) // about the size of a token
	return func(b *testing.B) {
		digest := sha256.Sum256(message)
		if _, err := key.Sign(random, digest[:], crypto.SHA256); err != nil {
			b.Error(err)
		}
	}
}

func getter(b *testing.B, server http.Handler, query, password string) func(*testing.B) {
	b.Helper()
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/token?"+query, nil)
	if password != "" {
		r.SetBasicAuth("alice", password)
	}
	return func(b *testing.B) { serve(b, server, r) }
}

func serve(b *testing.B, server http.Handler, r *http.Request) {
	w := discard{header: make(http.Header)}
	server.ServeHTTP(&w, r)
	if w.status != http.StatusOK {
		b.Errorf("status %d", w.status)
	}
}

func benchHash(tb testing.TB) []byte {
	tb.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("wonderland"), 10)
	if err != nil {
		tb.Fatal(err)
	}
	return hash
}

func benchUsers(tb testing.TB) *password.Users {
	tb.Helper()
	users, err := static.New(static.Config{
		Users: []static.User{{Name: "alice", PasswordHash: authn.Secret(benchHash(tb))}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return users
}

// benchConfig is how the server of a benchmark differs from the usual one.
type benchConfig struct {
	rules         int // before those that match
	shareFor      time.Duration
	refreshTokens *refresh.Tokens
}

func newBenchServer(tb testing.TB, config benchConfig) http.Handler {
	tb.Helper()
	return benchServer(tb, authn.Cache(benchUsers(tb), authn.CacheConfig{}), config)
}

func benchServer(tb testing.TB, users authn.Authenticator, config benchConfig) http.Handler {
	tb.Helper()
	var issuer auth.Issuer = newIssuer(tb)
	if config.shareFor > 0 {
		var err error
		if issuer, err = share.New(issuer, share.Config{For: config.shareFor}); err != nil {
			tb.Fatal(err)
		}
	}
	server, err := auth.NewServer(auth.Config{
		Services:         auth.ServiceMap{service: issuer},
		Authenticator:    users,
		AnonymousAllowed: true,
		Authorizer:       benchRules(tb, config.rules),
		RefreshTokens:    config.refreshTokens,
		Logger:           slog.New(discardLog{}),
	})
	if err != nil {
		tb.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/token", server)
	return mux
}

// benchRules has the two rules that match, after some for others.
func benchRules(tb testing.TB, others int) *acl.List {
	tb.Helper()
	match := func(account, name string, actions ...string) acl.Rule {
		return acl.Rule{Match: &acl.Match{Account: &account, Name: &name}, Actions: actions}
	}
	var rules []acl.Rule
	for i := range others {
		rules = append(rules, match("user"+strconv.Itoa(i), "team"+strconv.Itoa(i)+"/*", "pull", "push"))
	}
	rules = append(rules, match("*", "public/*", "pull"), match("?*", "${account}/*", "*"))
	list, _, err := acl.Compile(rules)
	if err != nil {
		tb.Fatal(err)
	}
	return list
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
