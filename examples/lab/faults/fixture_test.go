package faults

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authn/throttle"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/examples/internal/testkit"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/refresh"
)

const (
	serviceName = "registry.test"
	issuerName  = "auth.test"
)

// A fixture is a token server over a real connection, with everything in it that a program puts
// there.
type fixture struct {
	t      *testing.T
	url    string
	config auth.Config
	issuer *token.Issuer
	audit  *auditLog
	log    *lockedBuffer
}

// newFixture starts one. Users are asked through a throttle and a cache.
func newFixture(t *testing.T, users authn.Authenticator, policy authz.Authorizer, change ...func(*auth.Config)) *fixture {
	t.Helper()
	f := &fixture{t: t, audit: new(auditLog), log: new(lockedBuffer)}
	cached := authn.Cache(users, authn.CacheConfig{})
	f.config = auth.Config{
		Authenticator:    throttle.New(cached, throttle.Config{RefusalDelay: -1}),
		AnonymousAllowed: true,
		Authorizer:       policy,
		RefreshTokens:    testkit.Must(refresh.New(refresh.Config{Store: refresh.NewMemoryStore()}))(t),
		Logger:           slog.New(slog.NewTextHandler(f.log, nil)),
		Audit:            f.audit.add,
	}
	for _, c := range change {
		c(&f.config)
	}
	if f.config.Services == nil {
		f.config.Services = auth.ServiceMap{serviceName: newIssuer(t, time.Now)}
	}
	f.issuer, _ = f.config.Services.(auth.ServiceMap)[serviceName].(*token.Issuer)
	f.serve(testkit.Must(auth.NewServer(f.config))(t))
	return f
}

func newIssuer(t *testing.T, now func() time.Time) *token.Issuer {
	t.Helper()
	key := testkit.Must(token.GenerateKey(token.ES256))(t)
	return testkit.Must(token.NewIssuer(token.IssuerConfig{Name: issuerName, Keys: key, Now: now}))(t)
}

// serve listens with the settings of examples/server.
func (f *fixture) serve(handler http.Handler) {
	f.t.Helper()
	listener := testkit.Must(new(net.ListenConfig).Listen(f.t.Context(), "tcp", "127.0.0.1:0"))(f.t)
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
	}
	go func() { _ = server.Serve(listener) }()
	f.t.Cleanup(func() { _ = server.Close() })
	f.url = "http://" + listener.Addr().String() + "/token"
}

// Two users with passwords. What alice may do is her own namespace, and public/ is for everybody to
// pull.
const (
	alice = "alice:wonderland"
	bob   = "bob:builder"
)

func newUsers(t *testing.T) *password.Users {
	t.Helper()
	list := []static.User{{Name: "alice"}, {Name: "bob"}}
	for i, plain := range []string{"wonderland", "builder"} {
		list[i].PasswordHash = authn.Secret(testkit.Must(bcrypt.GenerateFromPassword([]byte(plain), 5))(t)) // cheap
	}
	return testkit.Must(static.New(static.Config{Users: list, Logger: slog.New(slog.DiscardHandler)}))(t)
}

func policy() authz.Authorizer { return authz.First(authz.PublicPull("public"), authz.OwnNamespace()) }

// An answer is what a client reads.
type answer struct {
	t          *testing.T
	status     int
	retryAfter string
	body       struct {
		Token        string                  `json:"token"`
		RefreshToken string                  `json:"refresh_token"`
		Errors       []struct{ Code string } `json:"errors"`
	}
}

// code is the error code, or "".
func (a *answer) code() string {
	if len(a.body.Errors) == 0 {
		return ""
	}
	return a.body.Errors[0].Code
}

func (a *answer) want(status int, code string) *answer {
	a.t.Helper()
	if a.status != status || a.code() != code {
		a.t.Errorf("status %d %s, want %d %s", a.status, a.code(), status, code)
	}
	if refused := status != http.StatusOK; refused && a.body.Token+a.body.RefreshToken != "" {
		a.t.Error("a token came with the refusal")
	}
	return a
}

func (f *fixture) do(r *http.Request) *answer {
	f.t.Helper()
	return ask(f.t, http.DefaultClient, r)
}

func ask(t *testing.T, client *http.Client, r *http.Request) *answer {
	t.Helper()
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := &answer{t: t, status: response.StatusCode, retryAfter: response.Header.Get("Retry-After")}
	if err := json.Unmarshal(text, &a.body); err != nil {
		t.Fatalf("status %d, and the body is not JSON: %q", a.status, text)
	}
	return a
}

// newGet is a request with the credentials "user:password", or without any.
func newGet(ctx context.Context, t *testing.T, at, credentials string, more ...string) *http.Request {
	t.Helper()
	query := strings.Join(append([]string{"service=" + serviceName}, more...), "&")
	r := testkit.Must(http.NewRequestWithContext(ctx, http.MethodGet, at+"?"+query, nil))(t)
	if user, plain, ok := strings.Cut(credentials, ":"); ok {
		r.SetBasicAuth(user, plain)
	}
	return r
}

// get asks with credentials for a scope.
func (f *fixture) get(credentials, wanted string) *answer {
	f.t.Helper()
	return f.do(newGet(f.t.Context(), f.t, f.url, credentials, "scope="+url.QueryEscape(wanted)))
}

// login asks for a refresh token.
func (f *fixture) login(credentials string) *answer {
	f.t.Helper()
	return f.do(newGet(f.t.Context(), f.t, f.url, credentials, "offline_token=true"))
}

func (f *fixture) refresh(refreshToken, wanted string) *answer {
	f.t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "service": {serviceName}, "refresh_token": {refreshToken}, "scope": {wanted}}
	r := testkit.Must(http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.url, strings.NewReader(form.Encode())))(f.t)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return f.do(r)
}

// granted is what the token says to a registry with the same clock.
func (f *fixture) granted(a *answer) string {
	f.t.Helper()
	claims := testkit.Must(testkit.Must(f.issuer.Verifier(serviceName))(f.t).Verify(a.body.Token))(f.t)
	return scope.Format(claims.Access)
}

// An auditLog keeps the records.
type auditLog struct {
	mu      sync.Mutex
	records []auth.AuditRecord
}

func (l *auditLog) add(_ context.Context, record auth.AuditRecord) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, record)
}

func (l *auditLog) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.records)
}

// last is the record of the last request.
func (l *auditLog) last() auth.AuditRecord {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.records[len(l.records)-1]
}

// wantAudit checks what the last record says.
func (f *fixture) wantAudit(status int, cause string) {
	f.t.Helper()
	record := f.audit.last()
	text := "none"
	if record.Err != nil {
		text = record.Err.Error()
	}
	if record.Status != status || !strings.Contains(text, cmp.Or(cause, "none")) {
		f.t.Errorf("audited with status %d, error %q; want %d, %q", record.Status, text, status, cause)
	}
}

// wantLog checks that the log has a text.
func (f *fixture) wantLog(text string) {
	f.t.Helper()
	if log := f.log.String(); !strings.Contains(log, text) {
		f.t.Errorf("the log does not say %q:\n%s", text, log)
	}
}

// A lockedBuffer is a log.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
