package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/authz/authztest"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

func TestPortalIssuesTokens(t *testing.T) {
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := newHandler(key)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := token.ParseBundle(key.CertificatePEM())
	if err != nil {
		t.Fatal(err)
	}
	registry, err := token.NewVerifier(token.VerifierConfig{Issuer: "portal", Audience: "registry.example.com", Keys: bundle})
	if err != nil {
		t.Fatal(err)
	}

	for name, test := range map[string]struct {
		password string
		asked    string
		status   int
		granted  string
	}{
		"the own namespace":    {"wonderland", "repository:alice/app:pull,push", 200, "repository:alice/app:pull,push"},
		"the team's namespace": {"wonderland", "repository:teams/web/site:pull,push,delete", 200, "repository:teams/web/site:pull,push"},
		"another team's":       {"wonderland", "repository:teams/ops/site:pull", 200, ""},
		"all teams'":           {"wonderland", "repository:teams/site:pull", 200, ""},
		"somebody else's":      {"wonderland", "repository:bob/app:pull", 200, ""},
		"a wrong password":     {"rabbit", "repository:alice/app:pull", 401, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/token?service=registry.example.com&scope="+test.asked, nil)
			r.SetBasicAuth("alice", test.password)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != test.status {
				t.Fatalf("status %d, want %d: %s", w.Code, test.status, w.Body)
			}
			if test.status != http.StatusOK {
				return
			}
			var answer struct{ Token string }
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatal(err)
			}
			claims, err := registry.Verify(answer.Token)
			if err != nil {
				t.Fatal(err)
			}
			if got := scope.Format(claims.Access); got != test.granted {
				t.Errorf("granted %q, want %q", got, test.granted)
			}
		})
	}
}

func TestPortalKeepsItsPages(t *testing.T) {
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := newHandler(key)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if text, _ := io.ReadAll(w.Body); w.Code != 200 || string(text) != "Welcome to the portal.\n" {
		t.Errorf("status %d: %q", w.Code, text)
	}
}

// A user whose name is that of the shared namespace owns nothing in it, and a password that was changed counts at once.
func TestPolicyAndLookup(t *testing.T) {
	policy := authz.First(teamNamespaces(), authz.OwnNamespace(), authz.DenyAll())
	teams := authn.Subject{Name: "teams"}
	authztest.Run(t, policy, []authztest.Case{
		authztest.As(teams, authztest.Grants{
			"repository:teams/web/site:pull,push": "",
			"repository:teams/site:pull":          "",
		}),
	})
	authztest.CheckInvariants(t, policy, []authn.Subject{teams})

	portal, err := newPortal()
	if err != nil {
		t.Fatal(err)
	}
	users := authn.Cache(portalUsers{portal}, authn.CacheConfig{})
	login := authn.Request{Username: "alice", Password: "wonderland"}
	if _, err := users.Authenticate(t.Context(), login); err != nil {
		t.Fatal(err)
	}
	delete(portal.accounts, "alice")
	if _, err := users.Authenticate(t.Context(), login); !errors.Is(err, authn.ErrNoMatch) {
		t.Errorf("a user who is gone: %v", err)
	}
}
