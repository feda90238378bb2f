package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

const wanted = "repository:alice/app:pull,push"

// The key survives a restart: a registry that has the certificate of the first start accepts the
// tokens of the second.
func TestProgram(t *testing.T) {
	folder := t.TempDir()
	hash, err := password.NewHash("wonderland")
	if err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(folder, "users.htpasswd")
	if err := os.WriteFile(users, []byte("alice:"+string(hash)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(folder, "minimal")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	first := start(t, program, folder)
	if first["refresh_token"] == nil {
		t.Errorf("no refresh token: %v", first)
	}
	bundle, err := os.ReadFile(filepath.Join(folder, "auth.crt"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := token.ParseBundle(bundle)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(token.VerifierConfig{
		Issuer: "auth.example.com", Audience: "registry.example.com", Keys: keys,
	})
	if err != nil {
		t.Fatal(err)
	}
	second := start(t, program, folder)
	for name, answer := range map[string]map[string]any{"first": first, "second": second} {
		text, _ := answer["token"].(string)
		claims, err := verifier.Verify(text)
		if err != nil {
			t.Errorf("%s start: %v", name, err)
			continue
		}
		if access := scope.Format(claims.Access); claims.Subject != "alice" || access != wanted {
			t.Errorf("%s start: %s may do %s, want %s", name, claims.Subject, access, wanted)
		}
	}
}

// start runs the program, asks it for a token and stops it.
func start(t *testing.T, program, folder string) map[string]any {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	command := exec.CommandContext(ctx, program)
	command.Dir, command.Stderr = folder, t.Output()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stop()
		_ = command.Wait() // it was killed
	}()
	query := url.Values{
		"service": {"registry.example.com"}, "scope": {wanted}, "offline_token": {"true"},
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		address := "http://localhost:5001/token?" + query.Encode()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("alice", "wonderland")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			continue // not yet
		}
		defer func() { _ = response.Body.Close() }()
		var answer map[string]any
		err = json.NewDecoder(response.Body).Decode(&answer)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v, %v", response.Status, answer, err)
		}
		return answer
	}
	t.Fatal("the program does not answer")
	return nil
}
