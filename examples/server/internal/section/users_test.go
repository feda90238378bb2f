package section_test

import (
	"errors"
	"testing"

	"github.com/berthpass/registry-auth/authn"
)

// TestDisabledUsers are not let in, by the program of ext_auth neither: it says yes to everybody
// here.
func TestDisabledUsers(t *testing.T) {
	cfg := newFixture(t, head+`users:
  alice: {password: "@HASH@"}
  bob: {password: "@HASH@", disabled: true}
  carol: {password: "", disabled: true}
  dave: {disabled: true, labels: {group: ops}}
acl: []
ext_auth: {command: "true"}
`).mustLoad()
	if len(cfg.Warnings) > 0 {
		t.Errorf("warnings: %v", cfg.Warnings)
	}
	users := authn.Chain(part(cfg, "users").Authenticator, part(cfg, "ext_auth").Authenticator)
	for name, want := range map[string]error{
		"alice": nil, "bob": authn.ErrRejected, "carol": authn.ErrRejected, "dave": authn.ErrRejected,
		"erin": nil,
	} {
		_, err := users.Authenticate(t.Context(), authn.Request{Username: name, Password: "wonderland"})
		if !errors.Is(err, want) {
			t.Errorf("%s: error is %v, want %v", name, err, want)
		}
	}
	for _, name := range []string{"carol", "dave"} {
		_, err := users.(authn.Directory).Lookup(t.Context(), name)
		if !errors.Is(err, authn.ErrRejected) {
			t.Errorf("%s by a refresh token: error is %v", name, err)
		}
	}
}
