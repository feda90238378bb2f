package password

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/berthpass/registry-auth/authn"
)

// maxLength is the length of the longest password, in bytes. bcrypt hashes have passwords of at most 72 bytes.
const maxLength = 1024

// ErrLength means that a password is empty or longer than [maxLength].
var ErrLength = errors.New("password is empty or too long")

// Hash returns a new hash of the password for [Parse] and for storage: argon2id with 19 MiB, two passes and one lane, as OWASP
// recommends, with a random salt of 16 bytes. It takes about 20 ms. The hash is a Secret because it lets whoever reads it try
// passwords without limit; string(hash) is what to store. It is never a bcrypt hash, so nothing ends at 72 bytes.
//
// The error is [ErrLength]. Hash is not bounded as [Checker.Check] is: a server that hashes on request of a stranger has to
// limit that itself.
func NewHash(password authn.Secret) (authn.Secret, error) {
	if !acceptableLength(password) {
		return "", fmt.Errorf("hash a password: %w: 1 to %d bytes are allowed", ErrLength, maxLength)
	}
	h := defaultArgon2id()
	_, _ = rand.Read(h.salt) // never fails
	h.digest = h.derive(string(password), len(h.digest))
	return authn.Secret(h.encode()), nil
}

func defaultArgon2id() *argon2idHash {
	return &argon2idHash{memoryKiB: 19 << 10, passes: 2, lanes: 1, salt: make([]byte, 16), digest: make([]byte, 32)}
}

func acceptableLength(password authn.Secret) bool {
	return password != "" && len(password) <= maxLength
}
