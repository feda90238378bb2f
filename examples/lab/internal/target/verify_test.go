package target

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

// A registry takes a token for what it says, for the subject that it names and for its service.
func TestVerify(t *testing.T) {
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := token.NewKeySet(key)
	if err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(bundle, keys.BundlePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	verifier, err := newController("registry.test", "auth.test", bundle)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := token.NewIssuer(token.IssuerConfig{Name: "auth.test", Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	pull := []scope.Scope{{Type: "repository", Name: "public/app", Actions: []string{"pull"}}}
	push := []scope.Scope{{Type: "repository", Name: "public/app", Actions: []string{"push"}}}
	secret := []scope.Scope{{Type: "repository", Name: "secret/app", Actions: []string{"pull"}}}
	for name, test := range map[string]struct {
		audience, subject string
		has, granted      []scope.Scope
		good              bool
	}{
		"as granted":             {"registry.test", "alice", pull, pull, true},
		"nothing":                {"registry.test", "alice", nil, nil, true},
		"of another action":      {"registry.test", "alice", pull, push, false},
		"with more than granted": {"registry.test", "alice", append(secret, pull...), pull, false},
		"of another service":     {"other.test", "alice", pull, pull, false},
		"of another subject":     {"registry.test", "bob", pull, pull, false},
	} {
		t.Run(name, func(t *testing.T) {
			issued, err := issuer.Issue(t.Context(), token.Request{
				Subject: test.subject, Audience: test.audience, Access: test.has,
			})
			if err != nil {
				t.Fatal(err)
			}
			err = accepts(verifier, string(issued.Value), "alice", test.granted)
			if (err == nil) != test.good {
				t.Errorf("error is %v", err)
			}
		})
	}
}
