package auth_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token/refresh"
)

func passwordForm(pairs ...string) string {
	return form(append([]string{"grant_type", "password", "service", service, "client_id", "test", "username", "alice", "password", "wonderland"}, pairs...)...)
}

func refreshForm(refreshToken string, pairs ...string) string {
	return form(append([]string{"grant_type", "refresh_token", "service", service, "client_id", "test", "refresh_token", refreshToken}, pairs...)...)
}

func TestPostPassword(t *testing.T) {
	f := newFixture(t)
	for name, test := range map[string]struct{ form, granted string }{
		"one scope":                       {passwordForm("scope", "repository:alice/app:push,pull"), "repository:alice/app:pull,push"},
		"a list":                          {passwordForm("scope", "repository:alice/app:pull repository:public/a:pull,push repository:bob/b:pull"), "repository:alice/app:pull repository:public/a:pull"},
		"a repeated scope":                {passwordForm("scope", "repository:alice/app:pull", "scope", "repository:public/a:pull"), "repository:alice/app:pull repository:public/a:pull"},
		"no scope":                        {passwordForm(), ""},
		"a star for all scopes":           {passwordForm("scope", "*"), ""},
		"no client_id":                    {form("grant_type", "password", "service", service, "username", "alice", "password", "wonderland"), ""},
		"an account is not looked at":     {passwordForm("account", "admin"), ""},
		"a client_secret is not":          {passwordForm("client_secret", "x"), ""},
		"offline_token belongs to GET":    {passwordForm("offline_token", "true"), ""},
		"access_type online is a default": {passwordForm("access_type", "online"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := f.post(test.form).wantStatus(200)
			if got := r.granted(f.issuer); got != test.granted {
				t.Errorf("granted %q, want %q", got, test.granted)
			}
			if r.body.Scope == nil || *r.body.Scope != test.granted {
				t.Errorf("the answer's scope is not %q: %s", test.granted, r.text)
			}
			if r.claims(f.issuer).Subject != "alice" || r.body.TokenType != "Bearer" || r.body.ExpiresIn != 300 || r.body.IssuedAt == "" {
				t.Errorf("the answer is not complete: %s", r.text)
			}
			if r.body.RefreshToken != "" {
				t.Error("a refresh token that nobody asked for")
			}
		})
	}
}

func TestPostRefuses(t *testing.T) {
	f := newFixture(t)
	for name, test := range map[string]struct {
		form        string
		status      int
		code, oauth string
	}{
		"an empty body":             {"", 400, "INVALID_REQUEST", "invalid_request"},
		"no grant_type":             {form("service", service, "username", "alice", "password", "wonderland"), 400, "INVALID_REQUEST", "invalid_request"},
		"an unknown grant_type":     {form("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange", "service", service), 400, "UNSUPPORTED", "unsupported_grant_type"},
		"the reserved grant_type":   {form("grant_type", "authorization_code", "service", service, "code", "x"), 400, "UNSUPPORTED", "unsupported_grant_type"},
		"the name of another grant": {form("grant_type", "anonymous", "service", service), 400, "UNSUPPORTED", "unsupported_grant_type"},
		"basic as a grant":          {form("grant_type", "basic", "service", service), 400, "UNSUPPORTED", "unsupported_grant_type"},
		"two grant_types":           {passwordForm("grant_type", "refresh_token"), 400, "INVALID_REQUEST", "invalid_request"},
		"two passwords":             {passwordForm("password", "other"), 400, "INVALID_REQUEST", "invalid_request"},
		"two services":              {passwordForm("service", service), 400, "INVALID_REQUEST", "invalid_request"},
		"no service":                {form("grant_type", "password", "username", "alice", "password", "wonderland"), 400, "INVALID_REQUEST", "invalid_request"},
		"an unknown service":        {form("grant_type", "password", "username", "alice", "password", "wonderland", "service", "other.test"), 400, "INVALID_REQUEST", "invalid_request"},
		"no password":               {form("grant_type", "password", "username", "alice", "service", service), 400, "INVALID_REQUEST", "invalid_request"},
		"no user name":              {form("grant_type", "password", "password", "wonderland", "service", service), 400, "INVALID_REQUEST", "invalid_request"},
		"a wrong password":          {form("grant_type", "password", "username", "alice", "password", "x", "service", service), 401, "UNAUTHORIZED", "invalid_grant"},
		"a broken source of users":  {form("grant_type", "password", "username", "broken", "password", "x", "service", service), 503, "UNAVAILABLE", "temporarily_unavailable"},
		"a colon in the user name":  {form("grant_type", "password", "username", "alice:x", "password", "x", "service", service), 401, "UNAUTHORIZED", "invalid_grant"},
		"an unknown access_type":    {passwordForm("access_type", "OFFLINE"), 400, "INVALID_REQUEST", "invalid_request"},
		"only malformed scopes":     {passwordForm("scope", "garbage"), 400, "INVALID_REQUEST", "invalid_scope"},
		"a bad escape":              {passwordForm() + "&x=%zz", 400, "INVALID_REQUEST", "invalid_request"},
		"a body that is too large":  {passwordForm("x", strings.Repeat("a", 32<<10)), 413, "INVALID_REQUEST", "invalid_request"},
		"too many parameters":       {passwordForm() + strings.Repeat("&x=1", 400), 400, "INVALID_REQUEST", "invalid_request"},
		"no refresh token":          {refreshForm(""), 400, "INVALID_REQUEST", "invalid_request"},
		"a junk refresh token":      {refreshForm("junk"), 401, "UNAUTHORIZED", "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			r := f.post(test.form).wantError(test.status, test.code, test.oauth)
			// A POST cannot answer a challenge for HTTP Basic: its credentials are in its body.
			wantHeader(t, r, "WWW-Authenticate", false, "")
			wantHeader(t, r, "Retry-After", test.status == 503, "5")
		})
	}
}

func TestPostReadsOnlyItsBody(t *testing.T) {
	f := newFixture(t)
	send := func(query, body string, header http.Header) *reply {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"?"+query, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header
		return f.do(r)
	}
	formHeader := func(pairs ...string) http.Header {
		h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	t.Run("a scope in the query is not asked for", func(t *testing.T) {
		r := send("scope=repository:alice/app:push", passwordForm(), formHeader()).wantStatus(200)
		if got := r.granted(f.issuer); got != "" {
			t.Errorf("granted %q", got)
		}
	})
	t.Run("a user name in the query does not count", func(t *testing.T) {
		send("username=alice", form("grant_type", "password", "password", "wonderland", "service", service), formHeader()).wantStatus(400)
	})
	t.Run("Basic beside a form is refused", func(t *testing.T) {
		send("", passwordForm(), formHeader("Authorization", "Basic YWxpY2U6d29uZGVybGFuZA==")).wantStatus(400)
	})
	for name, header := range map[string]http.Header{
		"JSON":                {"Content-Type": {"application/json"}},
		"a multipart form":    {"Content-Type": {"multipart/form-data; boundary=b"}},
		"no media type":       {"Content-Type": {""}},
		"a compressed form":   formHeader("Content-Encoding", "gzip"),
		"a bad media type":    {"Content-Type": {"application/x-www-form-urlencoded; charset"}},
		"plain text":          {"Content-Type": {"text/plain"}},
		"two types in a line": {"Content-Type": {"application/x-www-form-urlencoded, text/plain"}},
	} {
		t.Run(name, func(t *testing.T) {
			send("", passwordForm(), header).wantError(415, "UNSUPPORTED", "invalid_request")
		})
	}
	t.Run("GET ignores a body", func(t *testing.T) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"?service=registry.test&scope=repository:bob/app:push", strings.NewReader(passwordForm("username", "admin")))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = formHeader()
		if claims := f.do(r).wantStatus(200).claims(f.issuer); claims.Subject != "" || len(claims.Access) > 0 {
			t.Errorf("the body of a GET counted: %+v", claims)
		}
	})
}

// login gets a refresh token as docker does.
func (f *fixture) login() string {
	f.t.Helper()
	r := f.get("service=registry.test&account=alice&client_id=docker&offline_token=true", "alice:wonderland").wantStatus(200)
	if r.body.RefreshToken == "" {
		f.t.Fatalf("no refresh token: %s", r.text)
	}
	return r.body.RefreshToken
}

func TestRefreshToken(t *testing.T) {
	f := newFixture(t)
	refreshToken := f.login()
	for range 3 { // docker keeps its first refresh token for ever
		r := f.post(refreshForm(refreshToken, "scope", "repository:alice/app:pull repository:bob/app:pull")).wantStatus(200)
		if got := r.granted(f.issuer); got != "repository:alice/app:pull" || r.claims(f.issuer).Subject != "alice" {
			t.Errorf("granted %q to %q", got, r.claims(f.issuer).Subject)
		}
		if r.body.RefreshToken != "" {
			t.Error("a refresh token that nobody asked for")
		}
	}
	r := f.post(refreshForm(refreshToken, "access_type", "offline")).wantStatus(200)
	if r.body.RefreshToken != refreshToken {
		t.Error("the refresh with access_type=offline is not answered with the same refresh token")
	}
}

func TestRefreshTokenIsGivenOnlyOnRequest(t *testing.T) {
	f := newFixture(t)
	for name, test := range map[string]struct {
		reply *reply
		want  bool
	}{
		"GET without offline_token":        {f.get("service=registry.test", "alice:wonderland"), false},
		"GET with offline_token=false":     {f.get("service=registry.test&offline_token=false", "alice:wonderland"), false},
		"GET with offline_token=true":      {f.get("service=registry.test&offline_token=true", "alice:wonderland"), true},
		"GET by the anonymous subject":     {f.get("service=registry.test&offline_token=true", ""), false},
		"POST without access_type":         {f.post(passwordForm()), false},
		"POST with access_type=offline":    {f.post(passwordForm("access_type", "offline")), true},
		"POST with GET's parameter for it": {f.post(passwordForm("offline_token", "true")), false},
	} {
		if got := test.reply.wantStatus(200).body.RefreshToken != ""; got != test.want {
			t.Errorf("%s: a refresh token is %v, want %v", name, got, test.want)
		}
	}
}

func TestRefreshTokenIsRefused(t *testing.T) {
	other := newIssuer(t)
	for name, test := range map[string]struct {
		form func(f *fixture, refreshToken string) string
	}{
		"for another service":   {func(_ *fixture, rt string) string { return strings.Replace(refreshForm(rt), service, "other.test", 1) }},
		"with a character more": {func(_ *fixture, rt string) string { return refreshForm(rt + "x") }},
		"with a character less": {func(_ *fixture, rt string) string { return refreshForm(rt[:len(rt)-1]) }},
		"in upper case":         {func(_ *fixture, rt string) string { return refreshForm(strings.ToUpper(rt)) }},
		"with a line break":     {func(_ *fixture, rt string) string { return refreshForm(rt + "\n") }},
		"that is an access token": {func(f *fixture, _ string) string {
			return refreshForm(f.get("service=registry.test", "alice:wonderland").body.Token)
		}},
		"of a user who is gone":         {func(f *fixture, rt string) string { delete(f.users, "alice"); return refreshForm(rt) }},
		"of a user with a new password": {func(f *fixture, rt string) string { f.users["alice"] = "changed"; return refreshForm(rt) }},
		"that is revoked": {func(f *fixture, rt string) string {
			if n, err := f.refresh.Revoke(f.t.Context(), refresh.Filter{Subject: "alice"}); err != nil || n != 1 {
				f.t.Fatalf("revoked %d, %v", n, err)
			}
			return refreshForm(rt)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(cfg *auth.Config) {
				cfg.Services.(auth.ServiceMap)["other.test"] = other
			})
			refreshToken := f.get("service=registry.test&offline_token=true", "alice:wonderland").body.RefreshToken
			f.post(refreshForm(refreshToken)).wantStatus(200)
			r := f.post(test.form(f, refreshToken)).wantError(401, "UNAUTHORIZED", "invalid_grant")
			if strings.Contains(r.text, refreshToken) {
				t.Errorf("the answer repeats the refresh token: %s", r.text)
			}
		})
	}
}

// A lookup has to find the subject that logged in, and not another one of that name.
func TestRefreshTokenIsOfOneSubject(t *testing.T) {
	original := authn.Subject{Name: "alice", Stamp: "1"}
	for name, now := range map[string]authn.Subject{
		"of another kind":  {Name: "alice", Stamp: "1", Kind: authn.KindServiceAccount},
		"of another name":  {Name: "Alice", Stamp: "1"},
		"of another stamp": {Name: "alice", Stamp: "2"},
	} {
		t.Run(name, func(t *testing.T) {
			source := &fixedSource{authenticated: original, found: original}
			f := newFixture(t, func(cfg *auth.Config) { cfg.Authenticator = source })
			refreshToken := f.login()
			f.post(refreshForm(refreshToken)).wantStatus(200)
			source.found = now
			f.post(refreshForm(refreshToken)).wantError(401, "UNAUTHORIZED", "invalid_grant")
			if r := f.get("service=registry.test&offline_token=true", "alice:wonderland").wantStatus(200); r.body.RefreshToken != "" {
				t.Error("a refresh token that could not be redeemed was given out")
			}
		})
	}
}

// A subject without a name is a bug of the directory and no refusal: clients keep their tokens.
func TestRefreshWithADirectoryThatForgetsTheName(t *testing.T) {
	alice := authn.Subject{Name: "alice", Stamp: "1"}
	source := &fixedSource{authenticated: alice, found: alice}
	f := newFixture(t, func(cfg *auth.Config) { cfg.Authenticator = source })
	refreshToken := f.login()
	source.found = authn.Subject{}
	f.post(refreshForm(refreshToken)).wantError(503, "UNAVAILABLE", "temporarily_unavailable")
}

// fixedSource authenticates everybody as one subject, and finds another.
type fixedSource struct{ authenticated, found authn.Subject }

func (s *fixedSource) Authenticate(context.Context, authn.Request) (authn.Subject, error) {
	return s.authenticated, nil
}

func (s *fixedSource) Lookup(context.Context, string) (authn.Subject, error) { return s.found, nil }

// A store that fails is not a wrong token, even if its error looks like a refusal.
func TestRefreshWhileTheStoreIsBroken(t *testing.T) {
	broken := &brokenStore{Store: refresh.NewMemoryStore()}
	f := newFixture(t, func(cfg *auth.Config) {
		var err error
		if cfg.RefreshTokens, err = refresh.New(refresh.Config{Store: broken, Key: testKey}); err != nil {
			t.Fatal(err)
		}
	})
	refreshToken := f.login()
	broken.err = &os.PathError{Op: "sync", Path: "refresh.db", Err: syscall.EOPNOTSUPP}
	f.post(refreshForm(refreshToken)).wantError(503, "UNAVAILABLE", "temporarily_unavailable")
	broken.err = nil
	f.post(refreshForm(refreshToken)).wantStatus(200)
}

// A store that cannot write costs the refresh token and not the login, and the operator learns of
// it.
func TestLoginWhileTheRefreshStoreCannotWrite(t *testing.T) {
	broken := &brokenStore{Store: refresh.NewMemoryStore(), err: errors.New("the disk is full")}
	f := newFixture(t, func(cfg *auth.Config) {
		var err error
		if cfg.RefreshTokens, err = refresh.New(refresh.Config{Store: broken, Key: testKey}); err != nil {
			t.Fatal(err)
		}
	})
	for way, ask := range map[string]func() *reply{
		"GET":  func() *reply { return f.get("service=registry.test&offline_token=true", "alice:wonderland") },
		"POST": func() *reply { return f.post(passwordForm("access_type", "offline")) },
	} {
		if r := ask().wantStatus(200); r.body.RefreshToken != "" {
			t.Errorf("%s: a refresh token that is not stored", way)
		}
		record := f.lastRecord()
		if !errors.Is(record.RefreshTokenErr, broken.err) || record.RefreshTokenIssued ||
			record.RefreshTokenID != "" || record.Err != nil || record.Level() != slog.LevelWarn {
			t.Errorf("%s: audited as %+v", way, record)
		}
		if record.TokenID == "" {
			t.Errorf("%s: the access token is not in the audit", way)
		}
	}
	if log := f.log.String(); strings.Count(log, "the disk is full") != 2 {
		t.Errorf("logged: %s", log)
	}
}

type brokenStore struct {
	refresh.Store

	err error
}

// testKey is the key that a store other than the one in memory needs.
const testKey = "0123456789abcdef0123456789abcdef"

func (b *brokenStore) Insert(ctx context.Context, record refresh.Record, limit int) error {
	if b.err != nil {
		return b.err
	}
	return b.Store.Insert(ctx, record, limit)
}

func (b *brokenStore) Use(
	ctx context.Context, hash [32]byte, service string, now, idleAt time.Time,
) (refresh.Record, error) {
	if b.err != nil {
		return refresh.Record{}, b.err
	}
	return b.Store.Use(ctx, hash, service, now, idleAt)
}

func TestRefreshIsAuditedByTheTokensID(t *testing.T) {
	f := newFixture(t)
	refreshToken := f.login()
	issued := f.lastRecord().RefreshTokenID
	f.post(refreshForm(refreshToken)).wantStatus(200)
	used := f.lastRecord()
	if issued == "" || used.RefreshTokenID != issued || used.RefreshTokenIssued {
		t.Errorf("issued %q, then used %q", issued, used.RefreshTokenID)
	}
	if n, err := f.refresh.Revoke(t.Context(), refresh.Filter{ID: issued}); err != nil || n != 1 {
		t.Errorf("revoking by the audited ID: %d, %v", n, err)
	}
	f.post(refreshForm(refreshToken)).wantStatus(401)
}

func TestRefreshWhileTheDirectoryIsDown(t *testing.T) {
	f := newFixture(t, func(cfg *auth.Config) { cfg.Authenticator.(users)["broken"] = "x" })
	issued, _, err := f.refresh.Issue(t.Context(), authn.Subject{Name: "broken", Stamp: "1"}, service, "")
	if err != nil {
		t.Fatal(err)
	}
	f.post(refreshForm(string(issued))).wantError(503, "UNAVAILABLE", "temporarily_unavailable")
}

func TestWithoutRefreshTokens(t *testing.T) {
	f := newFixture(t, func(cfg *auth.Config) { cfg.RefreshTokens = nil })
	if r := f.get("service=registry.test&offline_token=true", "alice:wonderland").wantStatus(200); r.body.RefreshToken != "" {
		t.Error("a refresh token")
	}
	f.post(refreshForm("rt1_x")).wantError(400, "UNSUPPORTED", "unsupported_grant_type")
}
