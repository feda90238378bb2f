package password_test

import (
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
)

// Hash makes no bcrypt hashes, so every byte up to maxLength counts.
func TestHashIsNotCut(t *testing.T) {
	for _, length := range []int{72, 73, 74, 100, 1024} {
		typed := strings.Repeat("a", length)
		encoded, err := password.NewHash(authn.Secret(typed))
		if err != nil {
			t.Fatalf("%d bytes: %v", length, err)
		}
		hash := parse(t, encoded)
		if !check(t, hash, authn.Secret(typed)) {
			t.Errorf("a password of %d bytes does not match its own hash", length)
		}
		if check(t, hash, authn.Secret(typed[1:])) || check(t, hash, authn.Secret(typed[1:]+"b")) {
			t.Errorf("the last of %d bytes does not count", length)
		}
	}
}
