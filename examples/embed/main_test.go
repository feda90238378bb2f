package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/authz/authztest"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

// All kinds of credentials log in at the one server, and each has its own rights.
func TestTokenServer(t *testing.T) {
	p, _ := newPortal(t)
	idp := newProvider(t)
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	server, err := p.tokenServer("registry.example.com", key, p.credentials(idp.source(t)))
	if err != nil {
		t.Fatal(err)
	}
	basic := func(name, password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(name, password) }
	}
	cookie := func(value string) func(*http.Request) {
		return func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: "portal_session", Value: value})
		}
	}
	own, team := "alice/app:pull,push", "teams/web/site:pull,push"
	for name, test := range map[string]struct {
		login  func(*http.Request)
		status int
		access []string
	}{
		"a password":           {basic("alice", "wonderland"), 200, []string{own, team}},
		"a wrong password":     {basic("alice", "rabbit"), 401, nil},
		"a session":            {cookie("crumb"), 200, []string{own, team}},
		"a session that ended": {cookie("stale"), 401, nil},
		"no session":           {cookie("other"), 401, nil},
		"an API key":           {basic("token", "key_1.looking"), 200, []string{team}},
		"a wrong API key":      {basic("token", "key_1.glass"), 401, nil},
		"a personal token":     {basic("alice", "pat_1.glass"), 200, []string{"alice/app:pull", "teams/web/site:pull"}},
		"a token for all":      {basic("alice", "pat_2.all"), 200, []string{own, team}},
		"another's token":      {basic("bob", "pat_1.glass"), 401, nil},
		"a JWT":                {basic("any", string(idp.jwt(t))), 200, nil},
		"nothing":              {func(*http.Request) {}, 401, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second one may be remembered
				status, access := ask(t, server, key, test.login)
				if status != test.status || !slices.Equal(access, test.access) {
					t.Errorf("status %d, access %q", status, access)
				}
			}
		})
	}
}

// ask asks for a token and returns its access, as its registry reads it.
func ask(
	t *testing.T, server http.Handler, key *token.Key, login func(*http.Request),
) (status int, access []string) {
	t.Helper()
	query := url.Values{"service": {"registry.example.com"}, "scope": {
		"repository:alice/app:pull,push", "repository:teams/web/site:pull,push",
		"repository:teams/ops/site:pull",
	}}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/token?"+query.Encode(), nil)
	login(r)
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return w.Code, nil
	}
	var answer struct{ Token string }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	bundle, err := token.ParseBundle(key.CertificatePEM())
	if err != nil {
		t.Fatal(err)
	}
	registry, err := token.NewVerifier(token.VerifierConfig{
		Issuer: "portal.example.com", Audience: "registry.example.com", Keys: bundle,
	})
	if err != nil {
		t.Fatal(err)
	}
	claims, err := registry.Verify(answer.Token)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range claims.Access {
		access = append(access, s.Name+":"+strings.Join(s.Actions, ","))
	}
	return w.Code, access
}

// No host has tokens of another one's service, whatever a client names.
func TestEachHostHasItsService(t *testing.T) {
	p, _ := newPortal(t)
	keys := map[string]token.Keys{}
	for _, host := range []string{"a.example.com", "b.example.com"} {
		key, err := token.GenerateKey(token.ES256)
		if err != nil {
			t.Fatal(err)
		}
		keys[host] = key
	}
	handler, err := p.byHost(keys, p.credentials())
	if err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]int{
		"http://a.example.com/token":                       200,
		"http://a.example.com:8443/token":                  200,
		"http://b.example.com/token?service=b.example.com": 200,
		"http://a.example.com/token?service=b.example.com": 400,
		"http://c.example.com/token":                       404,
		"http://c.example.com/token?service=b.example.com": 404,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		r.SetBasicAuth("alice", "wonderland")
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s: status %d, want %d", target, w.Code, want)
		}
	}
	form := url.Values{
		"grant_type": {"password"}, "client_id": {"test"}, "service": {"b.example.com"},
		"username": {"alice"}, "password": {"wonderland"},
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://a.example.com/token",
		strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	if handler.ServeHTTP(w, r); w.Code != http.StatusBadRequest {
		t.Errorf("a POST for another host's service: status %d", w.Code)
	}
}

// A user whose name is that of the shared namespace owns nothing in it.
func TestPolicy(t *testing.T) {
	alice := authn.Subject{Name: "alice", Data: teams{"web"}}
	impostor := authn.Subject{Name: "teams"}
	build := func(rules []authz.Authorizer) (authz.Authorizer, error) {
		return policy(rules), nil
	}
	cases := []authztest.Case{
		authztest.As(alice, authztest.Grants{
			"repository:teams/web/site:pull,push,delete": "pull,push",
			"repository:teams/ops/site:pull":             "",
			"repository:teams/web:pull":                  "",
			"repository:alice/app:pull,push":             "pull,push",
			"repository::pull":                           "", // zot's catalog
			"registry:catalog:*":                         "",
		}),
		authztest.As(impostor, authztest.Grants{
			"repository:teams/web/site:pull,push": "pull", // it is public
			"repository:teams/web/other:pull":     "",
			"repository:teams/site:pull":          "",
		}),
	}
	p := &portal{public: map[string]struct{}{"teams/web/site": {}}}
	policy := policy(p.rules())
	authztest.Run(t, policy, cases)
	authztest.CheckInvariants(t, policy, []authn.Subject{alice, impostor})
	authztest.Mutants(t, p.rules(), build, cases, authztest.Matrix{})

	p.down = errors.New("connection refused")
	asked := authz.Request{Subject: alice, Scope: scope.Scope{
		Type: "repository", Name: "alice/app", Actions: []string{"pull"},
	}}
	if d, err := policy.Authorize(t.Context(), asked); err == nil {
		t.Errorf("without the database the policy decides: %+v", d)
	}
}

// A signal ends the program in order, after a token and a refresh token.
func TestProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "embed")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, program)
	command.Dir, command.Stderr = filepath.Dir(program), t.Output()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = command.Process.Kill() }()
	address := "http://localhost:8080/token?offline_token=true&service=registry.example.com"
	var answer struct {
		RefreshToken string `json:"refresh_token"`
	}
	for answer.RefreshToken == "" {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("alice", "wonderland")
		response, err := http.DefaultClient.Do(r)
		if ctx.Err() != nil {
			t.Fatal("the program does not answer")
		}
		if err != nil { // not yet
			time.Sleep(20 * time.Millisecond)
			continue
		}
		err = json.NewDecoder(response.Body).Decode(&answer)
		_ = response.Body.Close()
		if err != nil || answer.RefreshToken == "" {
			t.Fatalf("%s: no refresh token, %v", response.Status, err)
		}
	}
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("after a signal: %v", err)
	}
}
