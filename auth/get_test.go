package auth_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/throttle"
	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/refresh"
	"github.com/berthpass/registry-auth/token/share"
)

func TestGetGrantsWhatIsAskedAndAllowed(t *testing.T) {
	f := newFixture(t)
	for name, test := range map[string]struct{ query, credentials, subject, granted string }{
		"a user's own repository":             {"service=registry.test&scope=repository:alice/app:push,pull", "alice:wonderland", "alice", "repository:alice/app:pull,push"},
		"no more than is asked":               {"service=registry.test&scope=repository:alice/app:pull", "alice:wonderland", "alice", "repository:alice/app:pull"},
		"the part of it that is allowed":      {"service=registry.test&scope=repository:public/app:pull,push", "alice:wonderland", "alice", "repository:public/app:pull"},
		"nothing of another user's":           {"service=registry.test&scope=repository:bob/app:pull", "alice:wonderland", "alice", ""},
		"public repositories for anonymous":   {"service=registry.test&scope=repository:public/app:pull,push", "", "", "repository:public/app:pull"},
		"nothing private for anonymous":       {"service=registry.test&scope=repository:alice/app:pull", "", "", ""},
		"a login without a scope":             {"service=registry.test&account=alice&client_id=docker&offline_token=true", "alice:wonderland", "alice", ""},
		"an empty scope":                      {"service=registry.test&scope=", "alice:wonderland", "alice", ""},
		"an account that nobody typed":        {"service=registry.test&account=alice&scope=repository:alice/app:pull", "", "", ""},
		"a star for all scopes":               {"service=registry.test&scope=*", "alice:wonderland", "alice", ""},
		"stars beside no action":              {"service=registry.test&scope=*%20*&scope=repository:alice/app:", "alice:wonderland", "alice", ""},
		"a star beside a good scope":          {"service=registry.test&scope=*&scope=repository:alice/app:pull", "alice:wonderland", "alice", "repository:alice/app:pull"},
		"repeated scopes":                     {"service=registry.test&scope=repository:alice/app:pull&scope=repository:public/base:pull", "alice:wonderland", "alice", "repository:alice/app:pull repository:public/base:pull"},
		"scopes in one parameter":             {"service=registry.test&scope=repository:alice/app:pull%20repository:public/base:pull", "alice:wonderland", "alice", "repository:alice/app:pull repository:public/base:pull"},
		"one resource asked for twice":        {"service=registry.test&scope=repository:alice/app:pull&scope=repository:alice/app:push", "alice:wonderland", "alice", "repository:alice/app:pull,push"},
		"a resource class is not returned":    {"service=registry.test&scope=repository(plugin):alice/app:pull", "alice:wonderland", "alice", "repository:alice/app:pull"},
		"a malformed scope beside a good one": {"service=registry.test&scope=repository:Alice/app:pull&scope=repository:alice/app:pull", "alice:wonderland", "alice", "repository:alice/app:pull"},
		"a hundred scopes beside others":      {"service=registry.test&account=alice&client_id=x" + strings.Repeat("&scope=repository:alice/app:pull", 100), "alice:wonderland", "alice", "repository:alice/app:pull"},
		"an unknown type":                     {"service=registry.test&scope=artifact-repository:charts:pull", "alice:wonderland", "alice", ""},
		"the catalog for the listed":          {"service=registry.test&scope=registry:catalog:*", "admin:adminpass", "admin", "registry:catalog:*"},
		"zot's catalog for the listed":        {"service=registry.test&scope=repository::pull&scope=registry:catalog:*", "admin:adminpass", "admin", "repository::pull registry:catalog:*"},
		"the catalog for others":              {"service=registry.test&scope=registry:catalog:*", "alice:wonderland", "alice", ""},
		"a greedy authorizer is cut":          {"service=registry.test&scope=repository:test/greedy:pull", "alice:wonderland", "alice", "repository:test/greedy:pull"},
		"a star is granted for a star":        {"service=registry.test&scope=repository:test/greedy:*", "alice:wonderland", "alice", "repository:test/greedy:*"},
		"the only service is the default":     {"scope=repository:alice/app:pull", "alice:wonderland", "alice", "repository:alice/app:pull"},
		"unknown parameters are ignored":      {"service=registry.test&sub=admin&access_token=x&scope=repository:alice/app:pull", "alice:wonderland", "alice", "repository:alice/app:pull"},
	} {
		t.Run(name, func(t *testing.T) {
			r := f.get(test.query, test.credentials).wantStatus(http.StatusOK)
			claims := r.claims(f.issuer)
			if claims.Subject != test.subject {
				t.Errorf("sub is %q, want %q", claims.Subject, test.subject)
			}
			if got := r.granted(f.issuer); got != test.granted {
				t.Errorf("granted %q, want %q", got, test.granted)
			}
		})
	}
}

func TestGetAnswer(t *testing.T) {
	f := newFixture(t)
	before := time.Now().Truncate(time.Second)
	r := f.get("service=registry.test&scope=repository:alice/app:pull", "alice:wonderland").wantStatus(http.StatusOK)
	if r.body.Token != r.body.AccessToken {
		t.Error("token and access_token differ")
	}
	if r.body.ExpiresIn != 300 {
		t.Errorf("expires_in is %d, want 300", r.body.ExpiresIn)
	}
	issued, err := time.Parse(time.RFC3339, r.body.IssuedAt)
	if err != nil || !strings.HasSuffix(r.body.IssuedAt, "Z") || issued.Before(before) || issued.After(time.Now()) {
		t.Errorf("issued_at is %q, %v", r.body.IssuedAt, err)
	}
	if r.body.RefreshToken != "" || r.body.Scope != nil {
		t.Errorf("a refresh token or a scope that nobody asked for: %s", r.text)
	}
	if exp := r.claims(f.issuer).ExpiresAt; exp.Before(issued.Add(300 * time.Second)) {
		t.Errorf("the token expires at %v, before issued_at %v and expires_in say", exp, issued)
	}
}

func TestGetRefuses(t *testing.T) {
	f := newFixture(t)
	many := strings.Repeat("&scope=repository:alice/app:pull", 101)
	for name, test := range map[string]struct {
		query, credentials string
		status             int
		code, oauth        string
		message            string // a part of it
	}{
		"a wrong password":                {"service=registry.test", "alice:wrong", 401, "UNAUTHORIZED", "invalid_grant", "incorrect username or password"},
		"an unknown user":                 {"service=registry.test", "bob:builder", 401, "UNAUTHORIZED", "invalid_grant", "incorrect username or password"},
		"an empty password":               {"service=registry.test", "alice:", 401, "UNAUTHORIZED", "invalid_grant", "incorrect"},
		"an empty user name":              {"service=registry.test", ":wonderland", 401, "UNAUTHORIZED", "invalid_grant", "incorrect"},
		"a NUL in the user name":          {"service=registry.test", "alice\x00:wonderland", 401, "UNAUTHORIZED", "invalid_grant", "incorrect"},
		"a NUL in the password":           {"service=registry.test", "alice:wonderland\x00", 401, "UNAUTHORIZED", "invalid_grant", "incorrect"},
		"invalid UTF-8 in the user name":  {"service=registry.test", "alice\xff:wonderland", 401, "UNAUTHORIZED", "invalid_grant", "incorrect"},
		"a user name that is too long":    {"service=registry.test", strings.Repeat("a", 256) + ":x", 401, "UNAUTHORIZED", "invalid_grant", "incorrect"},
		"a password that is too long":     {"service=registry.test", "alice:" + strings.Repeat("a", 8<<10+1), 401, "UNAUTHORIZED", "invalid_grant", "incorrect"},
		"an unknown service":              {"service=other.test", "alice:wonderland", 400, "INVALID_REQUEST", "invalid_request", "service"},
		"an empty service":                {"service=&scope=repository:alice/app:pull", "alice:wonderland", 400, "INVALID_REQUEST", "invalid_request", "service is empty"},
		"a service twice":                 {"service=registry.test&service=registry.test", "alice:wonderland", 400, "INVALID_REQUEST", "invalid_request", "more than once"},
		"another account than the user":   {"service=registry.test&account=admin", "alice:wonderland", 400, "INVALID_REQUEST", "invalid_request", "account"},
		"only malformed scopes":           {"service=registry.test&scope=repository:Alice/app:pull&scope=x", "alice:wonderland", 400, "INVALID_REQUEST", "invalid_scope", "upper case 'A'"},
		"a star beside a malformed scope": {"service=registry.test&scope=*%20x", "alice:wonderland", 400, "INVALID_REQUEST", "invalid_scope", `"x"`},
		"two stars in one scope":          {"service=registry.test&scope=**", "alice:wonderland", 400, "INVALID_REQUEST", "invalid_scope", "not of the form"},
		"too many scopes":                 {"service=registry.test" + many, "alice:wonderland", 400, "INVALID_REQUEST", "invalid_scope", "more than 100 scopes"},
		"a malformed scope beside no act": {"service=registry.test&scope=repository:alice/app:%20pull", "alice:wonderland", 400, "INVALID_REQUEST", "invalid_scope", "not of the form"},
		"too many parameters":             {"service=registry.test" + strings.Repeat("&x=1", 400), "alice:wonderland", 400, "INVALID_REQUEST", "invalid_request", "more than 400 parameters"},
		"a bad escape in the query":       {"service=registry.test&scope=%zz", "alice:wonderland", 400, "INVALID_REQUEST", "invalid_request", "query"},
		"a semicolon in the query":        {"service=registry.test;scope=repository:alice/app:pull", "alice:wonderland", 400, "INVALID_REQUEST", "invalid_request", "query"},
		"a query that is too long":        {"service=registry.test&x=" + strings.Repeat("a", 32<<10), "", 414, "INVALID_REQUEST", "invalid_request", "query is larger"},
		"a client_id that is too long":    {"service=registry.test&client_id=" + strings.Repeat("a", 256), "alice:wonderland", 400, "INVALID_REQUEST", "invalid_request", "client_id"},
		"a control character in the id":   {"service=registry.test&client_id=a%0ab", "alice:wonderland", 400, "INVALID_REQUEST", "invalid_request", "client_id"},
		"an offline_token of neither":     {"service=registry.test&offline_token=yes", "alice:wonderland", 400, "INVALID_REQUEST", "invalid_request", "offline_token"},
		"a broken source of users":        {"service=registry.test", "broken:x", 503, "UNAVAILABLE", "temporarily_unavailable", "try again later"},
		"a broken authorizer":             {"service=registry.test&scope=repository:test/broken:pull", "alice:wonderland", 503, "UNAVAILABLE", "temporarily_unavailable", "try again later"},
		"a refresh token as the password": {"service=registry.test", "<token>:rt1_x", 401, "UNAUTHORIZED", "invalid_grant", "incorrect"},
	} {
		t.Run(name, func(t *testing.T) {
			r := f.get(test.query, test.credentials).wantError(test.status, test.code, test.oauth)
			if message := r.body.Errors[0].Message; !strings.Contains(message, test.message) {
				t.Errorf("the message is %q, want something of %q", message, test.message)
			}
			wantHeader(t, r, "WWW-Authenticate", test.status == 401, `Basic realm="registry"`)
			wantHeader(t, r, "Retry-After", test.status == 503, "5")
			if strings.Contains(r.text, "ldap.internal") || strings.Contains(r.text, "engine") {
				t.Errorf("the client is told about the inside: %s", r.text)
			}
		})
	}
}

func wantHeader(t *testing.T, r *reply, name string, present bool, want string) {
	t.Helper()
	if !present {
		want = ""
	}
	if got := r.Header.Get(name); got != want {
		t.Errorf("%s: %q, want %q", name, got, want)
	}
}

// Unreadable credentials never count as none, not even where anonymous requests are allowed.
func TestUnreadableCredentialsAreNeverAnonymous(t *testing.T) {
	f := newFixture(t)
	for name, test := range map[string]struct {
		values []string
		status int
	}{
		"empty":              {[]string{""}, 400},
		"two that are empty": {[]string{"", ""}, 400},
		"a scheme only":      {[]string{"Basic"}, 401},
		"not base64":         {[]string{"Basic !!!!"}, 401},
		"two spaces":         {[]string{"Basic  YWxpY2U6d29uZGVybGFuZA=="}, 401},
		"no colon":           {[]string{"Basic YWxpY2U="}, 401},
		"no scheme":          {[]string{"YWxpY2U6d29uZGVybGFuZA=="}, 401},
		"a bearer token":     {[]string{"Bearer YWxpY2U6d29uZGVybGFuZA=="}, 401},
		"only a colon":       {[]string{"Basic Og=="}, 401},
		"two headers":        {[]string{"Basic YWxpY2U6d29uZGVybGFuZA==", "Basic YWRtaW46YWRtaW5wYXNz"}, 400},
		"the same twice":     {[]string{"Basic YWxpY2U6d29uZGVybGFuZA==", "Basic YWxpY2U6d29uZGVybGFuZA=="}, 400},
		"Basic in any case":  {[]string{"bAsIc YWxpY2U6d29uZGVybGFuZA=="}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"?service=registry.test&scope=repository:public/app:pull", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header["Authorization"] = test.values
			f.do(r).wantStatus(test.status)
		})
	}
}

// Some sources accept an empty password, or cut, fold or replace characters. They are not asked.
func TestMalformedCredentialsNeverReachASource(t *testing.T) {
	var asked atomic.Int64
	f := newFixture(t, func(cfg *auth.Config) {
		cfg.RefreshTokens = nil
		cfg.Authenticator = authn.Func(func(_ context.Context, r authn.Request) (authn.Subject, error) {
			asked.Add(1)
			return authn.Subject{Name: "trusting"}, nil
		})
	})
	for name, credentials := range map[string][2]string{
		"an empty password":              {"alice", ""},
		"an empty user name":             {"", "wonderland"},
		"a NUL in the user name":         {"alice\x00", "wonderland"},
		"a NUL in the password":          {"alice", "wonder\x00land"},
		"a line break in the user name":  {"alice\n", "wonderland"},
		"invalid UTF-8 in the user name": {"alice\xff", "wonderland"},
		"invalid UTF-8 in the password":  {"alice", "wonderland\xff"},
		"a user name that is too long":   {strings.Repeat("a", 256), "wonderland"},
		"a password that is too long":    {"alice", strings.Repeat("a", 8<<10+1)},
	} {
		f.get("service=registry.test", credentials[0]+":"+credentials[1]).wantError(401, "UNAUTHORIZED", "invalid_grant")
		if n := asked.Swap(0); n != 0 {
			t.Errorf("%s: the source was asked", name)
		}
	}
	f.post(form("grant_type", "password", "service", service, "username", "alice:x", "password", "y")).wantError(401, "UNAUTHORIZED", "invalid_grant")
	if n := asked.Swap(0); n != 0 {
		t.Error("a colon in a form's user name: the source was asked")
	}
	f.post(form("grant_type", "password", "service", service, "username", "alice", "password", "")).wantError(400, "INVALID_REQUEST", "invalid_request")
	if n := asked.Swap(0); n != 0 {
		t.Error("an empty password in a form: the source was asked")
	}
	f.get("service=registry.test", "alice:"+strings.Repeat("a", 8<<10)).wantStatus(200) // as long as a JWT may be
	if n := asked.Load(); n != 1 {
		t.Errorf("with good credentials the source was asked %d times", n)
	}
}

func TestAnonymousIsRefusedUnlessAllowed(t *testing.T) {
	f := newFixture(t, func(cfg *auth.Config) { cfg.AnonymousAllowed = false })
	r := f.get("service=registry.test&scope=repository:public/app:pull", "").wantError(401, "UNAUTHORIZED", "invalid_grant")
	if got := r.body.Errors[0].Message; got != "authentication required" {
		t.Errorf("the message is %q", got)
	}
	f.get("service=registry.test&scope=repository:public/app:pull", "alice:wonderland").wantStatus(200)
}

func TestWithoutAuthenticatorNobodyLogsIn(t *testing.T) {
	f := newFixture(t, func(cfg *auth.Config) { cfg.Authenticator, cfg.RefreshTokens = nil, nil })
	f.get("service=registry.test", "alice:wonderland").wantError(401, "UNAUTHORIZED", "invalid_grant")
	f.get("service=registry.test&scope=repository:public/app:pull", "").wantStatus(200)
}

func TestOtherMethods(t *testing.T) {
	f := newFixture(t)
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch, "get", "FOO"} {
		r, err := http.NewRequestWithContext(t.Context(), method, f.url+"?service=registry.test", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer := f.do(r).wantError(405, "UNSUPPORTED", "invalid_request")
		wantHeader(t, answer, "Allow", true, "GET, POST")
	}
	// HEAD must not mint a token, which nobody would read.
	response, err := http.Head(f.url + "?service=registry.test")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if record := f.lastRecord(); response.StatusCode != 405 || record.TokenID != "" {
		t.Errorf("HEAD: status %d, token %q", response.StatusCode, record.TokenID)
	}
}

func TestServicesHaveTheirOwnIssuers(t *testing.T) {
	other := newIssuer(t)
	f := newFixture(t, func(cfg *auth.Config) { cfg.Services.(auth.ServiceMap)["other.test"] = other })

	r := f.get("service=other.test&scope=repository:public/app:pull", "").wantStatus(200)
	verifier, err := other.Verifier("other.test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(r.body.Token); err != nil {
		t.Errorf("the service's own verifier refuses its token: %v", err)
	}
	first, err := f.issuer.Verifier("other.test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Verify(r.body.Token); err == nil {
		t.Error("the first service's key verifies a token for the other, which zot would take")
	}
	f.get("scope=repository:public/app:pull", "").wantError(400, "INVALID_REQUEST", "invalid_request")
}

func TestLargeTokenIsReported(t *testing.T) {
	f := newFixture(t)
	var query strings.Builder
	query.WriteString("service=registry.test")
	for i := range 60 {
		query.WriteString("&scope=repository:public/" + strings.Repeat("a", 40) + string(rune('a'+i%26)) + strings.Repeat("b", i/26+1) + ":pull")
	}
	f.get(query.String(), "").wantStatus(200)
	if !strings.Contains(f.log.String(), "the token is larger than") {
		t.Errorf("nothing was logged about a large token: %s", f.log.String())
	}
}

func TestConfigIsCheckedAtStart(t *testing.T) {
	issuer := newIssuer(t)
	tokens, err := refresh.New(refresh.Config{Store: refresh.NewMemoryStore()})
	if err != nil {
		t.Fatal(err)
	}
	sound := func() auth.Config {
		return auth.Config{Services: auth.ServiceMap{service: issuer}, Authorizer: policy(), Authenticator: users{}}
	}
	small := auth.Config{
		Service: service, Issuer: token.IssuerConfig{Name: issuerName, Keys: issuer.KeySet()}, Authorizer: policy(),
	}
	// A source without lookups, alone and behind everything that decorates a source.
	proofOnly := authn.Func(users{}.Authenticate)
	withRefresh := func(a authn.Authenticator) func(*auth.Config) {
		return func(cfg *auth.Config) { cfg.RefreshTokens, cfg.Authenticator = tokens, a }
	}
	cached := authn.Cache(proofOnly, authn.CacheConfig{})
	shared, err := share.New(issuer, share.Config{For: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*auth.Config)
		want   string // a part of the error; empty for none
	}{
		"a sound one":                         {func(*auth.Config) {}, ""},
		"the zero value":                      {func(cfg *auth.Config) { *cfg = auth.Config{} }, "no service"},
		"a map without services":              {func(cfg *auth.Config) { cfg.Services = auth.ServiceMap{} }, "no service"},
		"a function that is nil":              {func(cfg *auth.Config) { cfg.Services = auth.ServiceFunc(nil) }, "ServiceFunc is nil"},
		"one service":                         {func(cfg *auth.Config) { *cfg = small }, ""},
		"one service without an issuer":       {func(cfg *auth.Config) { *cfg = small; cfg.Issuer = token.IssuerConfig{} }, "new issuer"},
		"one issuer without a service":        {func(cfg *auth.Config) { *cfg = small; cfg.Service = "" }, "needs a name"},
		"a service besides a map":             {func(cfg *auth.Config) { cfg.Service = "other" }, "both Service"},
		"an issuer's name besides a map":      {func(cfg *auth.Config) { cfg.Issuer.Name = issuerName }, "both Service"},
		"an issuer's keys besides a map":      {func(cfg *auth.Config) { cfg.Issuer.Keys = issuer.KeySet() }, "both Service"},
		"a service without a name":            {func(cfg *auth.Config) { cfg.Services.(auth.ServiceMap)[""] = issuer }, "needs a name"},
		"a service without an issuer":         {func(cfg *auth.Config) { cfg.Services.(auth.ServiceMap)["other"] = nil }, "needs a name and an issuer"},
		"a service with a nil issuer":         {func(cfg *auth.Config) { cfg.Services.(auth.ServiceMap)["other"] = (*token.Issuer)(nil) }, "needs a name and an issuer"},
		"any service with a nil issuer":       {func(cfg *auth.Config) { cfg.InsecureAnyService = (*token.Issuer)(nil) }, "InsecureAnyService"},
		"no authorizer":                       {func(cfg *auth.Config) { cfg.Authorizer = nil }, "no authorizer"},
		"a negative timeout":                  {func(cfg *auth.Config) { cfg.Timeout = -1 }, "negative timeout"},
		"an issuer's lifetime besides a map":  {func(cfg *auth.Config) { cfg.Issuer.Lifetime = time.Hour }, "both Service"},
		"an authority of two services":        {func(cfg *auth.Config) { *cfg = ofOneAuthority(t, *cfg) }, "share the key"},
		"a key of two services":               {func(cfg *auth.Config) { cfg.Services.(auth.ServiceMap)["other"] = issuer }, "share the key"},
		"a key of two services, decorated":    {func(cfg *auth.Config) { cfg.Services.(auth.ServiceMap)["other"] = shared }, "share the key"},
		"a key of two services, on purpose":   {func(cfg *auth.Config) { cfg.Services.(auth.ServiceMap)["other"], cfg.SharedKeysAllowed = issuer, true }, ""},
		"an issuer that tells no keys":        {func(cfg *auth.Config) { cfg.Services.(auth.ServiceMap)["other"] = struct{ auth.Issuer }{issuer} }, ""},
		"refresh tokens":                      {withRefresh(users{}), ""},
		"refresh tokens without anybody":      {withRefresh(nil), "authn.Directory"},
		"refresh tokens without lookups":      {withRefresh(proofOnly), "authn.Directory"},
		"the same behind a chain":             {withRefresh(authn.Chain(proofOnly)), "authn.Directory"},
		"the same behind a cache":             {withRefresh(cached), "authn.Directory"},
		"the same behind a throttle":          {withRefresh(throttle.New(cached, throttle.Config{})), "authn.Directory"},
		"a chain with a member that looks up": {withRefresh(authn.Chain(proofOnly, users{})), ""},
		"a source that confirms":              {withRefresh(struct{ confirmingUsers }{}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := sound()
			test.change(&cfg)
			_, err := auth.NewServer(cfg)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error about %q", err, test.want)
			}
		})
	}
}

// confirmingUsers is a source that is a Confirmer and no Directory.
type confirmingUsers struct{ authn.Func }

func (confirmingUsers) Confirm(_ context.Context, remembered authn.Subject) (authn.Subject, error) {
	return remembered, nil
}

// ofOneAuthority has two services whose keys differ, below one authority that registries trust.
func ofOneAuthority(t *testing.T, cfg auth.Config) auth.Config {
	t.Helper()
	authority, err := token.GenerateAuthority(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	services := auth.ServiceMap{}
	for _, name := range []string{"one", "two"} {
		config := token.IssuerConfig{Name: issuerName, Keys: authority}
		if services[name], err = token.NewIssuer(config); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Services = services
	return cfg
}
