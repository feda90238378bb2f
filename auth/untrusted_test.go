package auth_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/auth"
)

// send asks by GET, with header names in this spelling.
func (f *fixture) send(credentials, scopes string, header http.Header) *reply {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, f.url+"?"+form("service", service, "scope", scopes), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header = header.Clone()
	if username, password, ok := strings.Cut(credentials, ":"); ok {
		r.SetBasicAuth(username, password)
	}
	return f.do(r)
}

// spellings are the names that the server, or a proxy in front of it, may take for this one: in
// another case, or with the underscores of CGI.
func spellings(name string) []string {
	underscores := strings.ReplaceAll(name, "-", "_")
	return []string{name, strings.ToLower(name), strings.ToUpper(name), underscores, strings.ToLower(underscores), strings.Replace(name, "-", "_", 1), name + "_"}
}

// No header but Authorization has credentials, in any spelling, and a Connection header does not
// remove it.
func TestNoOtherHeaderHasCredentials(t *testing.T) {
	welcome := newFixture(t)
	private := newFixture(t, func(cfg *auth.Config) { cfg.AnonymousAllowed = false })
	const catalog = "registry:catalog:*"
	for _, name := range []string{
		"X-Webauth-User", "X-Remote-User", "Remote-User", "X-Forwarded-User", "X-Forwarded-Email", "X-Auth-Request-User", "X-User",
		"X-Authenticated-User", "X-Forwarded-Preferred-Username", "X-Forwarded-Groups", "X-Ssl-Client-S-Dn", "X-Client-Cert",
		"Proxy-Authorization", "X-Authorization", "X-Original-Authorization", "X-Forwarded-Authorization", "Cookie",
	} {
		for _, spelt := range spellings(name) {
			for _, value := range []string{"admin", "Basic YWRtaW46YWRtaW5wYXNz"} {
				header := http.Header{spelt: {value}}
				private.send("", catalog, header).wantStatus(401)
				if r := welcome.send("", catalog, header).wantStatus(200); r.claims(welcome.issuer).Subject != "" || r.granted(welcome.issuer) != "" {
					t.Errorf("%s: %s makes the anonymous %q", spelt, value, r.claims(welcome.issuer).Subject)
				}
				header["Connection"] = []string{spelt + ", Authorization, X-Real-Ip"}
				if r := welcome.send("alice:wonderland", catalog, header).wantStatus(200); r.claims(welcome.issuer).Subject != "alice" || r.granted(welcome.issuer) != "" {
					t.Errorf("%s: %s makes alice %q", spelt, value, r.claims(welcome.issuer).Subject)
				}
			}
		}
	}
	welcome.send("alice:wrong", catalog, http.Header{"Connection": {"Authorization"}}).wantStatus(401)
}

// Unless configured, no header has the address of the client.
func TestNoHeaderHasTheAddress(t *testing.T) {
	f := newFixture(t)
	for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip", "X-Cluster-Client-Ip"} {
		for _, spelt := range spellings(name) {
			for _, value := range []string{"203.0.113.9", "for=203.0.113.9", "", ",,,", strings.Repeat("1.2.3.4,", 500)} {
				f.send("alice:wonderland", "", http.Header{spelt: {value}}).wantStatus(200)
				if got := f.lastRecord().RemoteAddr; !got.IsLoopback() {
					t.Errorf("%s: %.20s makes the address %v", spelt, value, got)
				}
			}
		}
	}
}

// Credentials are not read from a URL, which ends up in logs and histories, and not logged from
// there.
func TestNoCredentialsInTheURL(t *testing.T) {
	f := newFixture(t)
	accessToken := f.get("service=registry.test&scope=repository:alice/app:pull", "alice:wonderland").body.Token
	refreshToken := f.login()
	logged := newFixture(t, func(cfg *auth.Config) { cfg.Audit, cfg.RefreshTokens = nil, f.refresh })
	for name, query := range map[string]string{
		"an access token":           form("access_token", accessToken),
		"an access token as token":  form("token", accessToken),
		"a refresh token":           form("grant_type", "refresh_token", "refresh_token", refreshToken),
		"a password":                form("grant_type", "password", "username", "alice", "password", "wonderland"),
		"an Authorization":          form("authorization", "Basic YWxpY2U6d29uZGVybGFuZA=="),
		"an identity token":         form("identity_token", refreshToken, "id_token", accessToken),
		"a user and a password":     form("user", "alice", "pass", "wonderland"),
		"a client and its password": form("client_id", "alice", "client_secret", "wonderland"),
	} {
		query += "&scope=repository:alice/app:pull"
		if claims := logged.get(query+"&service=registry.test", "").wantStatus(200).claims(logged.issuer); claims.Subject != "" || len(claims.Access) > 0 {
			t.Errorf("GET with %s in the query: %+v", name, claims)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, logged.url+"?"+query, strings.NewReader("service=registry.test"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		logged.do(r).wantStatus(400)
	}
	for _, secret := range []string{accessToken, refreshToken, "wonderland", "YWxpY2U6d29uZGVybGFuZA"} {
		if strings.Contains(logged.log.String(), secret) {
			t.Errorf("%q of a query is in the log: %s", secret, logged.log.String())
		}
	}
}

// The realm, to which clients send their password, is configured and never a part of the request.
func TestTheChallengeIsIndependentOfTheRequest(t *testing.T) {
	handler := protected(t, newIssuer(t))
	for _, header := range []http.Header{
		{"Host": {"evil.test"}},
		{"X-Forwarded-Host": {"evil.test"}},
		{"X-Forwarded-Proto": {"http"}, "X-Forwarded-Port": {"81"}},
		{"Forwarded": {"host=evil.test;proto=http"}},
		{"X-Original-Url": {"//evil.test/"}},
		{"Referer": {"http://evil.test/"}},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://evil.test/v2/alice/app/manifests/latest?realm=evil.test&service=evil.test", nil)
		r.Header = header
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		want := `Bearer realm="https://auth.test/token",service="registry.test",scope="repository:alice/app:pull"`
		if got := w.Header().Get("WWW-Authenticate"); w.Code != 401 || got != want || strings.Contains(w.Body.String(), "evil") {
			t.Errorf("%v: status %d, challenge %s, %s", header, w.Code, got, w.Body)
		}
	}
}
