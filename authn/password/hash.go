package password

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/berthpass/registry-auth/authn"
)

const maxLength = 1024

// ErrLength means that a password is empty or longer than 1024 bytes.
var ErrLength = errors.New("password is empty or too long")

// NewHash returns a new hash of the password: argon2id with 19 MiB, two passes, one lane and a
// random salt of 16 bytes, as OWASP recommends. It takes about 20 ms. The hash is a Secret because
// it allows unlimited guesses; store string(hash). The only error is [ErrLength].
//
// NewHash does not limit concurrency as [Checker.Check] does. A server that lets strangers choose
// passwords has to limit that itself.
func NewHash(password authn.Secret) (authn.Secret, error) {
	if !acceptableLength(password) {
		return "", fmt.Errorf("%w: 1 to %d bytes are allowed", ErrLength, maxLength)
	}
	h := defaultArgon2id()
	_, _ = rand.Read(h.salt) // never fails
	h.digest = h.derive(string(password), len(h.digest))
	return authn.Secret(h.encode()), nil
}

func defaultArgon2id() *argon2idHash {
	return &argon2idHash{
		memoryKiB: 19 << 10, passes: 2, lanes: 1,
		salt: make([]byte, 16), digest: make([]byte, 32),
	}
}

func acceptableLength(password authn.Secret) bool {
	return password != "" && len(password) <= maxLength
}
