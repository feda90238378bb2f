package auth_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

// fuzzServer is a server with its verifier.
type fuzzServer struct {
	server   *auth.Server
	verifier *token.Verifier
}

func newFuzzServer(f *testing.F) *fuzzServer {
	f.Helper()
	issuer := newIssuer(f)
	server, err := auth.NewServer(auth.Config{
		Services:         auth.ServiceMap{service: issuer},
		Authenticator:    users{"alice": "wonderland"},
		AnonymousAllowed: true,
		Authorizer:       fuzzPolicy(),
		Logger:           slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		f.Fatal(err)
	}
	verifier, err := issuer.Verifier(service)
	if err != nil {
		f.Fatal(err)
	}
	return &fuzzServer{server, verifier}
}

func fuzzPolicy() authz.Authorizer {
	return authz.First(authz.PublicPull("public"), authz.OwnNamespace())
}

// check states the property of all answers: a known status, JSON that no cache keeps, and a token
// only with 200. The token verifies. Its subject presented the right password or is anonymous. It
// grants nothing that was not asked for or that the policy does not allow.
func (s *fuzzServer) check(t *testing.T, r *http.Request, asked []string, mayBeAlice bool) {
	t.Helper()
	w := httptest.NewRecorder()
	s.server.ServeHTTP(w, r)
	known := []int{200, 400, 401, 413, 414, 415}
	if !slices.Contains(known, w.Code) || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("status %d, headers %v", w.Code, w.Header())
	}
	var body struct {
		Token        string `json:"token"`
		RefreshToken string `json:"refresh_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%q: %v", w.Body, err)
	}
	if (body.Token != "") != (w.Code == 200) || body.RefreshToken != "" {
		t.Fatalf("status %d with %s", w.Code, w.Body)
	}
	if w.Code != 200 {
		return
	}
	claims, err := s.verifier.Verify(body.Token)
	if err != nil {
		t.Fatal(err)
	}
	if claims.Subject != "" && (claims.Subject != "alice" || !mayBeAlice) {
		t.Fatalf("sub is %q", claims.Subject)
	}
	list, _ := scope.ParseList(asked...)
	for _, granted := range claims.Access {
		if !coveredBy(granted, scope.Merge(list)) {
			t.Fatalf("granted %s, asked %q", granted, asked)
		}
		d, err := fuzzPolicy().Authorize(t.Context(), authz.Request{Subject: authn.Subject{Name: claims.Subject}, Scope: granted})
		if err != nil || d.NoMatch || !slices.Equal(d.Actions, granted.Actions) {
			t.Fatalf("granted %s to %q, where the policy says %+v, %v", granted, claims.Subject, d, err)
		}
	}
}

// FuzzGet checks the answers to any query with any Authorization header; see fuzzServer.check.
func FuzzGet(f *testing.F) {
	s := newFuzzServer(f)
	f.Add("service=registry.test&scope=repository:alice/app:pull,push&scope=registry:catalog:*", "Basic YWxpY2U6d29uZGVybGFuZA==", true)
	f.Add("scope=repository:public/app:pull%20repository::pull&account=alice", "", false)
	f.Add("service=registry.test&scope=repository(plugin):alice/../x:*&offline_token=true", "Basic !!!", true)
	f.Fuzz(func(t *testing.T, query, authorization string, hasAuthorization bool) {
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/token", RawQuery: query}, Header: http.Header{}, Body: http.NoBody}
		if hasAuthorization {
			r.Header.Set("Authorization", authorization)
		}
		values, _ := url.ParseQuery(query)
		username, password, _ := r.BasicAuth()
		s.check(t, r.WithContext(t.Context()), values["scope"], username == "alice" && password == "wonderland")
	})
}

// FuzzPost checks the answers to any body of any media type; see fuzzServer.check.
func FuzzPost(f *testing.F) {
	s := newFuzzServer(f)
	f.Add(passwordForm("scope", "repository:alice/app:pull,push repository:bob/app:pull"), "application/x-www-form-urlencoded")
	f.Add(refreshForm("rt1_x"), "application/x-www-form-urlencoded; charset=utf-8")
	f.Add("grant_type=password&grant_type=password&%zz", "multipart/form-data; boundary=x")
	f.Fuzz(func(t *testing.T, body, mediaType string) {
		r := &http.Request{
			Method: http.MethodPost, URL: &url.URL{Path: "/token"}, Header: http.Header{"Content-Type": {mediaType}},
			Body: io.NopCloser(strings.NewReader(body)),
		}
		values, _ := url.ParseQuery(body)
		s.check(t, r.WithContext(t.Context()), values["scope"], values.Get("username") == "alice" && values.Get("password") == "wonderland")
	})
}

// FuzzRegistryScopes states that no path is ambiguous: if a request needs a scope on a repository,
// its path has the whole name between /v2/ and one of the four kinds of resources.
func FuzzRegistryScopes(f *testing.F) {
	f.Add("GET", "/v2/alice/app/manifests/latest", "")
	f.Add("POST", "/v2/alice/app/blobs/uploads/", "mount=sha256:0&from=bob/app")
	f.Add("GET", "/v2/public/blobs/uploads/../../../alice/app/manifests/latest", "")
	f.Fuzz(func(t *testing.T, method, path, query string) {
		r := &http.Request{Method: method, URL: &url.URL{Path: path, RawQuery: query}, Header: http.Header{}}
		needed, err := auth.RegistryScopes(r)
		if err != nil || len(needed) == 0 || needed[0].IsCatalog() {
			return
		}
		rest, ok := strings.CutPrefix(path, "/v2/"+needed[0].Name+"/")
		kind, reference, _ := strings.Cut(rest, "/")
		if !ok || !slices.Contains([]string{"manifests", "blobs", "tags", "referrers"}, kind) || strings.Count(reference, "/") > 1 {
			t.Fatalf("%s needs %v", path, needed)
		}
		if len(needed[0].Actions) == 0 {
			t.Fatalf("%s %s needs no action on %s", method, path, needed[0])
		}
	})
}
