package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/refresh"
)

const (
	service    = "registry.test"
	issuerName = "auth.test"
)

// users is a directory of plain passwords, which makes the tests fast.
type users map[string]string

var errSourceDown = errors.New("connect to ldap.internal: refused")

func (u users) Authenticate(_ context.Context, r authn.Request) (authn.Subject, error) {
	switch password, known := u[r.Username]; {
	case r.Username == "":
		return authn.Subject{}, authn.ErrNoMatch
	case r.Username == "broken":
		return authn.Subject{}, errSourceDown
	case !known:
		return authn.Subject{}, authn.ErrNoMatch
	case password != string(r.Password):
		return authn.Subject{}, authn.ErrRejected
	default:
		return u.subject(r.Username), nil
	}
}

func (u users) Lookup(_ context.Context, name string) (authn.Subject, error) {
	if name == "broken" {
		return authn.Subject{}, errSourceDown
	}
	if _, known := u[name]; !known {
		return authn.Subject{}, authn.ErrNoMatch
	}
	return u.subject(name), nil
}

func (u users) subject(name string) authn.Subject {
	return authn.Subject{Name: name, Stamp: "stamp of " + u[name]}
}

// policy is the one of the hostile corpus, with names that make it misbehave.
func policy() authz.Authorizer {
	misbehave := authz.Func(func(ctx context.Context, r authz.Request) (authz.Decision, error) {
		switch r.Scope.Name {
		case "test/broken":
			return authz.Decision{}, errors.New("policy engine is down")
		case "test/panic":
			panic("a bug in the policy")
		case "test/hang":
			<-ctx.Done()
			return authz.Decision{}, ctx.Err()
		case "test/greedy":
			return authz.Decision{Actions: []string{"pull", "push", "delete", "*", "admin"}, Reason: "greedy"}, nil
		}
		return authz.Decision{NoMatch: true}, nil
	})
	return authz.ByType{
		"repository": authz.First(misbehave, authz.OwnNamespace("pull", "push"), authz.PublicPull("public")),
		"registry":   authz.Catalog("admin"),
	}
}

func newIssuer(tb testing.TB) *token.Issuer {
	tb.Helper()
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		tb.Fatal(err)
	}
	keys, err := token.NewKeySet(key)
	if err != nil {
		tb.Fatal(err)
	}
	issuer, err := token.NewIssuer(token.IssuerConfig{Name: issuerName, Keys: keys})
	if err != nil {
		tb.Fatal(err)
	}
	return issuer
}

// fixture is a token server, with what it logged and audited.
type fixture struct {
	t        *testing.T
	handler  http.Handler
	client   *http.Client
	url      string
	issuer   *token.Issuer
	users    users
	refresh  *refresh.Tokens
	log      *lockedBuffer
	mu       sync.Mutex
	recorded []auth.AuditRecord
}

// newFixture starts a server behind a real connection. The configuration can be changed before.
func newFixture(t *testing.T, change ...func(*auth.Config)) *fixture {
	t.Helper()
	f := newLocalFixture(t, change...)
	httpServer := httptest.NewServer(f.handler)
	t.Cleanup(httpServer.Close)
	f.url, f.client = httpServer.URL+"/token", http.DefaultClient
	return f
}

// newLocalFixture makes a server without a connection, for tests in a bubble of synctest.
func newLocalFixture(t *testing.T, change ...func(*auth.Config)) *fixture {
	t.Helper()
	f := &fixture{t: t, issuer: newIssuer(t), users: users{"alice": "wonderland", "admin": "adminpass"}, log: &lockedBuffer{}}
	var err error
	if f.refresh, err = refresh.New(refresh.Config{Store: refresh.NewMemoryStore()}); err != nil {
		t.Fatal(err)
	}
	cfg := auth.Config{
		Services:         auth.ServiceMap{service: f.issuer},
		Authenticator:    f.users,
		AnonymousAllowed: true,
		Authorizer:       policy(),
		RefreshTokens:    f.refresh,
		Logger:           slog.New(slog.NewJSONHandler(f.log, nil)),
		Audit: func(_ context.Context, record auth.AuditRecord) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.recorded = append(f.recorded, record)
		},
	}
	for _, c := range change {
		c(&cfg)
	}
	server, err := auth.NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/token", server)
	f.handler, f.url, f.client = mux, "http://auth.test/token", &http.Client{Transport: local{mux}}
	return f
}

// local calls a handler in place of a connection.
type local struct{ handler http.Handler }

func (l local) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.RemoteAddr = "127.0.0.1:1"
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	l.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// lockedBuffer collects log lines of concurrent requests.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// records returns the audit so far.
func (f *fixture) records() []auth.AuditRecord {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]auth.AuditRecord(nil), f.recorded...)
}

func (f *fixture) lastRecord() auth.AuditRecord {
	f.t.Helper()
	records := f.records()
	if len(records) == 0 {
		f.t.Fatal("nothing was audited")
	}
	return records[len(records)-1]
}

// get asks by GET. The credentials are "user:password", or empty for none.
func (f *fixture) get(query, credentials string) *reply {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, f.url+"?"+query, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	if username, password, ok := strings.Cut(credentials, ":"); ok {
		r.SetBasicAuth(username, password)
	}
	return f.do(r)
}

// post asks by POST, with a form that is encoded already.
func (f *fixture) post(form string) *reply {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.url, strings.NewReader(form))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return f.do(r)
}

func (f *fixture) do(r *http.Request) *reply {
	f.t.Helper()
	response, err := f.client.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	a := &reply{t: f.t, Response: response, text: string(text)}
	if err := json.Unmarshal(text, &a.body); err != nil {
		f.t.Fatalf("status %d, and not JSON: %q", response.StatusCode, text)
	}
	return a
}

// reply is an answer of the server, read.
type reply struct {
	*http.Response

	t    *testing.T
	text string
	body struct {
		Token        string  `json:"token"`
		AccessToken  string  `json:"access_token"`
		TokenType    string  `json:"token_type"`
		Scope        *string `json:"scope"`
		ExpiresIn    int     `json:"expires_in"`
		IssuedAt     string  `json:"issued_at"`
		RefreshToken string  `json:"refresh_token"`
		Errors       []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
		Error            string `json:"error"`
		ErrorDescription string `json:"error_description"`
	}
}

// claims verifies the token as a registry does.
func (r *reply) claims(issuer *token.Issuer) token.Claims {
	r.t.Helper()
	verifier, err := issuer.Verifier(service)
	if err != nil {
		r.t.Fatal(err)
	}
	claims, err := verifier.Verify(r.body.Token)
	if err != nil {
		r.t.Fatalf("status %d: the token does not verify: %v", r.StatusCode, err)
	}
	return claims
}

func (r *reply) granted(issuer *token.Issuer) string {
	r.t.Helper()
	return scope.Format(r.claims(issuer).Access)
}

// wantStatus fails the test unless the answer has this status, and the headers of every answer.
func (r *reply) wantStatus(status int) *reply {
	r.t.Helper()
	if r.StatusCode != status {
		r.t.Fatalf("status %d, want %d: %s", r.StatusCode, status, r.text)
	}
	for name, want := range map[string]string{
		"Content-Type":                "application/json",
		"Cache-Control":               "no-store",
		"Pragma":                      "no-cache",
		"X-Content-Type-Options":      "nosniff",
		"Access-Control-Allow-Origin": "",
		"Set-Cookie":                  "",
		"Server":                      "",
	} {
		if got := r.Header.Get(name); got != want {
			r.t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if hasToken := r.body.Token != ""; hasToken != (status == http.StatusOK) {
		r.t.Errorf("status %d with token: %v", status, hasToken)
	}
	return r
}

// wantError fails the test unless both forms of the error are there and say the same.
func (r *reply) wantError(status int, code, oauth string) *reply {
	r.t.Helper()
	r.wantStatus(status)
	if len(r.body.Errors) != 1 || r.body.Errors[0].Code != code || r.body.Error != oauth {
		r.t.Fatalf("want the errors %s and %s: %s", code, oauth, r.text)
	}
	if message := r.body.Errors[0].Message; message == "" || message != r.body.ErrorDescription {
		r.t.Errorf("the two messages differ or are empty: %s", r.text)
	}
	return r
}

func form(pairs ...string) string {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return values.Encode()
}
