package password

import (
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/authn"
)

// NewHash does not make bcrypt hashes, so every byte counts.
func TestNewHashDoesNotTruncate(t *testing.T) {
	for _, length := range []int{72, 73, 74, 100, maxLength} {
		typed := strings.Repeat("a", length)
		encoded, err := NewHash(authn.Secret(typed))
		if err != nil {
			t.Fatalf("%d bytes: %v", length, err)
		}
		hash := parse(t, encoded)
		if !check(t, hash, authn.Secret(typed)) {
			t.Errorf("a password of %d bytes does not match its own hash", length)
		}
		if check(t, hash, authn.Secret(typed[1:])) || check(t, hash, authn.Secret(typed[1:]+"b")) {
			t.Errorf("the first or the last of %d bytes is ignored", length)
		}
	}
}
