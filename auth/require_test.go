package auth_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

const realm = "https://auth.test/token"

// protected is a handler behind Require that answers with the subject of the token.
func protected(t *testing.T, issuer *token.Issuer) http.Handler {
	t.Helper()
	verifier, err := issuer.Verifier(service)
	if err != nil {
		t.Fatal(err)
	}
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, ok := auth.Claims(r.Context())
		if !ok {
			t.Error("the request has no claims")
		}
		_, _ = io.WriteString(w, "hello "+claims.Subject)
	})
	return mustRequire(t, verifier, auth.Challenge{Realm: realm, Service: service}, next)
}

func mustRequire(t *testing.T, v *token.Verifier, c auth.Challenge, next http.Handler) http.Handler {
	t.Helper()
	handler, err := auth.Require(v, c, next)
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// A mistake in the program shows at its start and not at the first request.
func TestRequireRefusesMissingArguments(t *testing.T) {
	verifier, err := newIssuer(t).Verifier(service)
	if err != nil {
		t.Fatal(err)
	}
	sound, next := auth.Challenge{Realm: realm, Service: service}, http.NotFoundHandler()
	for name, test := range map[string]struct {
		verifier  *token.Verifier
		challenge auth.Challenge
		next      http.Handler
		want      string // a part of the error
	}{
		"no verifier": {nil, sound, next, "verifier"},
		"no realm":    {verifier, auth.Challenge{Service: service}, next, "realm"},
		"no service":  {verifier, auth.Challenge{Realm: realm}, next, "service"},
		"no handler":  {verifier, sound, nil, "handler"},
	} {
		handler, err := auth.Require(test.verifier, test.challenge, test.next)
		if err == nil || handler != nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, error %v", name, handler, err)
		}
	}
}

func issue(t *testing.T, issuer *token.Issuer, audience, access string) string {
	t.Helper()
	list, malformed := scope.ParseList(access)
	if len(malformed) > 0 {
		t.Fatal(malformed[0])
	}
	issued, err := issuer.Issue(t.Context(), token.Request{Subject: "alice", Audience: audience, Access: list})
	if err != nil {
		t.Fatal(err)
	}
	return string(issued.Value)
}

func TestRequire(t *testing.T) {
	issuer, stranger := newIssuer(t), newIssuer(t)
	handler := protected(t, issuer)
	const challenge = `Bearer realm="https://auth.test/token",service="registry.test"`
	for name, test := range map[string]struct {
		method, target string
		authorization  []string
		status         int
		challenge      string // of a 401
	}{
		"no token":                    {"GET", "/v2/", nil, 401, challenge},
		"no token for a repository":   {"GET", "/v2/alice/app/manifests/latest", nil, 401, challenge + `,scope="repository:alice/app:pull"`},
		"no token for a push":         {"PUT", "/v2/alice/app/manifests/latest", nil, 401, challenge + `,scope="repository:alice/app:pull,push"`},
		"no token for a mount":        {"POST", "/v2/alice/app/blobs/uploads/?mount=sha256:0&from=public/base", nil, 401, challenge + `,scope="repository:alice/app:pull,push repository:public/base:pull"`},
		"any token for the root":      {"GET", "/v2/", []string{"Bearer " + issue(t, issuer, service, "")}, 200, ""},
		"the right token":             {"GET", "/v2/alice/app/manifests/latest", []string{"Bearer " + issue(t, issuer, service, "repository:alice/app:pull")}, 200, ""},
		"the scheme in any case":      {"GET", "/v2/", []string{"bEARER " + issue(t, issuer, service, "")}, 200, ""},
		"a star for all actions":      {"DELETE", "/v2/alice/app/manifests/latest", []string{"Bearer " + issue(t, issuer, service, "repository:alice/app:*")}, 200, ""},
		"too little":                  {"PUT", "/v2/alice/app/manifests/latest", []string{"Bearer " + issue(t, issuer, service, "repository:alice/app:pull")}, 401, challenge + `,scope="repository:alice/app:pull,push",error="insufficient_scope"`},
		"half of a mount":             {"POST", "/v2/alice/app/blobs/uploads/?mount=sha256:0&from=bob/secret", []string{"Bearer " + issue(t, issuer, service, "repository:alice/app:pull,push")}, 401, challenge + `,scope="repository:alice/app:pull,push repository:bob/secret:pull",error="insufficient_scope"`},
		"another repository":          {"GET", "/v2/bob/app/manifests/latest", []string{"Bearer " + issue(t, issuer, service, "repository:alice/app:pull")}, 401, challenge + `,scope="repository:bob/app:pull",error="insufficient_scope"`},
		"a token for another service": {"GET", "/v2/", []string{"Bearer " + issue(t, issuer, "other.test", "")}, 401, challenge + `,error="invalid_token"`},
		"another issuer's token":      {"GET", "/v2/", []string{"Bearer " + issue(t, stranger, service, "")}, 401, challenge + `,error="invalid_token"`},
		"garbage":                     {"GET", "/v2/", []string{"Bearer garbage"}, 401, challenge + `,error="invalid_token"`},
		"Basic":                       {"GET", "/v2/", []string{"Basic YWxpY2U6d29uZGVybGFuZA=="}, 401, challenge},
		"two tokens":                  {"GET", "/v2/", []string{"Bearer " + issue(t, issuer, service, ""), "Bearer x"}, 401, challenge},
		"a token in the query":        {"GET", "/v2/?access_token=" + issue(t, issuer, service, ""), nil, 401, challenge},
		"an impossible repository":    {"GET", "/v2/alice/App/manifests/latest", []string{"Bearer " + issue(t, issuer, service, "")}, 400, ""},
		"no registry request":         {"GET", "/metrics", []string{"Bearer " + issue(t, issuer, service, "")}, 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), test.method, test.target, nil)
			r.Header["Authorization"] = test.authorization
			handler.ServeHTTP(w, r)
			if w.Code != test.status {
				t.Fatalf("status %d, want %d: %s", w.Code, test.status, w.Body)
			}
			if got := w.Header().Get("WWW-Authenticate"); got != test.challenge {
				t.Errorf("challenge:\n got %s\nwant %s", got, test.challenge)
			}
			if test.status == 200 && w.Body.String() != "hello alice" {
				t.Errorf("the handler saw %q", w.Body)
			}
		})
	}
}

func TestRequireTellsAFailureFromAMalformedRequest(t *testing.T) {
	issuer := newIssuer(t)
	verifier, err := issuer.Verifier(service)
	if err != nil {
		t.Fatal(err)
	}
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler was reached") })
	for name, test := range map[string]struct {
		err    error
		status int
		shown  bool
	}{
		"malformed": {fmt.Errorf("%w: no such thing", auth.ErrMalformedRequest), 400, true},
		"broken":    {errors.New("connect to db.internal: refused"), 503, false},
	} {
		t.Run(name, func(t *testing.T) {
			challenge := auth.Challenge{Realm: realm, Service: service, Scopes: func(*http.Request) ([]scope.Scope, error) { return nil, test.err }}
			w := httptest.NewRecorder()
			mustRequire(t, verifier, challenge, next).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
			if w.Code != test.status || strings.Contains(w.Body.String(), test.err.Error()) != test.shown {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
		})
	}
}

// A quote in the realm must not end its parameter.
func TestChallengeQuotes(t *testing.T) {
	verifier, err := newIssuer(t).Verifier(service)
	if err != nil {
		t.Fatal(err)
	}
	handler := mustRequire(t, verifier, auth.Challenge{Realm: `https://a/"\`, Service: service}, http.NotFoundHandler())
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v2/", nil))
	if got, want := w.Header().Get("WWW-Authenticate"), `Bearer realm="https://a/\"\\",service="registry.test"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRequireRefusesAnExpiredToken(t *testing.T) {
	now := time.Now()
	keys := newIssuer(t).KeySet()
	issuer, err := token.NewIssuer(token.IssuerConfig{Name: issuerName, Keys: keys, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	handler := protected(t, issuer)
	text := issue(t, issuer, service, "")
	ask := func() int {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v2/", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		handler.ServeHTTP(w, r)
		return w.Code
	}
	if got := ask(); got != 200 {
		t.Fatalf("status %d while the token is fresh", got)
	}
	now = now.Add(10 * time.Minute)
	if got := ask(); got != 401 {
		t.Errorf("status %d after it expired", got)
	}
}

func TestRegistryScopes(t *testing.T) {
	for name, test := range map[string]struct {
		method, target string
		want           string // "error" for one
	}{
		"the root":                     {"GET", "/v2/", ""},
		"the root without a slash":     {"GET", "/v2", ""},
		"the catalog":                  {"GET", "/v2/_catalog?n=100", "registry:catalog:*"},
		"a manifest":                   {"GET", "/v2/a/manifests/latest", "repository:a:pull"},
		"a manifest by digest":         {"HEAD", "/v2/a/b/manifests/sha256:0123", "repository:a/b:pull"},
		"an escaped digest":            {"GET", "/v2/a/b/manifests/sha256%3A0123", "repository:a/b:pull"},
		"a manifest to put":            {"PUT", "/v2/a/manifests/latest", "repository:a:pull,push"},
		"a manifest to delete":         {"DELETE", "/v2/a/manifests/latest", "repository:a:delete"},
		"a blob":                       {"GET", "/v2/a/blobs/sha256:0", "repository:a:pull"},
		"a blob to delete":             {"DELETE", "/v2/a/blobs/sha256:0", "repository:a:delete"},
		"tags":                         {"GET", "/v2/a/tags/list", "repository:a:pull"},
		"referrers":                    {"GET", "/v2/a/referrers/sha256:0", "repository:a:pull"},
		"an upload":                    {"POST", "/v2/a/blobs/uploads/", "repository:a:pull,push"},
		"an upload without a slash":    {"POST", "/v2/a/blobs/uploads", "repository:a:pull,push"},
		"a chunk":                      {"PATCH", "/v2/a/blobs/uploads/123", "repository:a:pull,push"},
		"the state of an upload":       {"GET", "/v2/a/blobs/uploads/123", "repository:a:pull,push"},
		"an upload to cancel":          {"DELETE", "/v2/a/blobs/uploads/123", "repository:a:pull,push"},
		"a mount":                      {"POST", "/v2/a/blobs/uploads/?mount=sha256:0&from=b/c", "repository:a:pull,push repository:b/c:pull"},
		"a mount from itself":          {"POST", "/v2/a/blobs/uploads/?mount=sha256:0&from=a", "repository:a:pull,push"},
		"an unknown method":            {"MOVE", "/v2/a/manifests/latest", "repository:a:pull,push"},
		"a name like a part":           {"GET", "/v2/blobs/tags/manifests/latest", "repository:blobs/tags:pull"},
		"a name like an upload":        {"GET", "/v2/a/blobs/uploads/manifests/latest", "repository:a/blobs/uploads:pull"},
		"a mount from nowhere":         {"POST", "/v2/a/blobs/uploads/?from=B", "error"},
		"a mount from two":             {"POST", "/v2/a/blobs/uploads/?from=a&from=b", "error"},
		"a query that cannot be read":  {"POST", "/v2/a/blobs/uploads/?from=a;b", "error"},
		"no name":                      {"GET", "/v2//manifests/latest", "error"},
		"no name at all":               {"GET", "/v2/manifests/latest", "error"},
		"no reference":                 {"GET", "/v2/a/manifests/", "error"},
		"upper case":                   {"GET", "/v2/A/manifests/latest", "error"},
		"dot segments":                 {"GET", "/v2/a/../b/manifests/latest", "error"},
		"dot segments in an upload":    {"GET", "/v2/public/blobs/uploads/../../../b/manifests/latest", "error"},
		"a name with an escaped slash": {"GET", "/v2/alice%2Fapp/manifests/latest", "error"},
		"an escaped slash":             {"GET", "/v2/public/manifests/..%2F..%2Fb%2Fmanifests%2Flatest", "error"},
		"escaped dots":                 {"GET", "/v2/public/%2e%2e/b/manifests/latest", "error"},
		"an empty segment":             {"GET", "/v2/a//b/manifests/latest", "error"},
		"another part of the registry": {"GET", "/v2/a/unknown/latest", "error"},
		"another path":                 {"GET", "/v1/search", "error"},
		"a path that begins alike":     {"GET", "/v2x/a/manifests/latest", "error"},
	} {
		t.Run(name, func(t *testing.T) {
			needed, err := auth.RegistryScopes(httptest.NewRequestWithContext(t.Context(), test.method, test.target, nil))
			got := scope.Format(needed)
			if err != nil {
				got = "error"
			}
			if got != test.want {
				t.Errorf("%s %s needs %q (%v), want %q", test.method, test.target, got, err, test.want)
			}
		})
	}
}

// Registries that read "from" in a form would mount from a repository that the query does not name.
func TestMountByFormIsRefused(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v2/a/blobs/uploads/", strings.NewReader("from=bob/secret&mount=sha256:0"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if needed, err := auth.RegistryScopes(r); err == nil {
		t.Errorf("needs %v", needed)
	}
}

func TestJWKS(t *testing.T) {
	issuer := newIssuer(t)
	handler := auth.JWKS(issuer.KeySet())
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/jwks.json", nil))
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/jwk-set+json" || w.Header().Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("status %d, headers %v", w.Code, w.Header())
	}
	keys, err := token.ParseJWKS(w.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(token.VerifierConfig{Issuer: issuerName, Audience: service, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(issue(t, issuer, service, "repository:a:pull")); err != nil {
		t.Errorf("a token does not verify by the served keys: %v", err)
	}

	w = httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/jwks.json", nil))
	if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: status %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestJWKSOfNothingPanicsAtOnce(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a handler without keys, which would panic at each request")
		}
	}()
	auth.JWKS(nil)
}
