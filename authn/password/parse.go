package password

import (
	"errors"
	"fmt"
	"strings"

	"github.com/berthpass/registry-auth/authn"
)

// ErrHash means that a password hash is not acceptable. The text says why: another algorithm, a
// damaged hash, or parameters that are too cheap or too costly.
var ErrHash = errors.New("unacceptable password hash")

// The reasons, which tests tell apart.
var (
	errAlgorithm  = fmt.Errorf("%w: not bcrypt or argon2id", ErrHash)
	errMalformed  = fmt.Errorf("%w: malformed", ErrHash)
	errParameters = fmt.Errorf("%w: parameters out of bounds", ErrHash)
)

// maxEncodedBytes is more than the longest hash that is accepted: argon2id with a salt and a digest of 64 bytes each.
const maxEncodedBytes = 256

// A Hash is a password hash that was read and found acceptable. [Checker.Check] compares passwords with it. It is immutable
// and safe for concurrent use; printing it shows nothing of the hash. The zero value matches no password.
type Hash struct{ scheme scheme }

// A scheme is one algorithm with the parameters and the digest of one hash. Implementations are pointers, so that printing a
// value that holds a Hash shows an address and not a digest.
type scheme interface {
	// matches compares. It takes the same time whatever the password is, and works as long as the algorithm says.
	matches(password string) bool
	// nominalMicroseconds estimates the time of matches, to compare hashes with each other.
	nominalMicroseconds() int
	// parameters names the algorithm and its costs.
	parameters() string
	// weakness is empty, or says what to do about a hash that is cheaper than is wise.
	weakness() string
	// decoy returns a hash of the same parameters that no password has.
	decoy() scheme
}

// Parse reads an encoded password hash and checks its parameters. The error wraps [errAlgorithm], [errMalformed] or
// [errParameters] and says what to do; it contains nothing of the hash.
func Parse(encoded authn.Secret) (Hash, error) {
	var parsed scheme
	var err error
	switch text := string(encoded); {
	case len(text) > maxEncodedBytes:
		err = fmt.Errorf("%w: longer than %d bytes", errMalformed, maxEncodedBytes)
	case hasAnyPrefix(text, "$2a$", "$2b$", "$2y$"):
		parsed, err = parseBcrypt(text)
	case hasAnyPrefix(text, argon2idPrefix):
		parsed, err = parseArgon2id(text)
	default:
		err = fmt.Errorf("%w, but %s: make one with htpasswd -nBC 10 NAME", errAlgorithm, describe(text))
	}
	if err != nil {
		return Hash{}, err
	}
	return Hash{parsed}, nil
}

// Parameters names the algorithm and its costs, such as "bcrypt cost 10" or "argon2id m=19456,t=2,p=1". Hashes with different
// parameters take different times, which tells known users from unknown ones.
func (p Hash) Parameters() string {
	if p.scheme == nil {
		return "none"
	}
	return p.scheme.parameters()
}

// Weakness is empty for a hash that is strong enough, and otherwise says for the log what is weak and how to mend it.
func (p Hash) Weakness() string {
	if p.scheme == nil {
		return ""
	}
	return p.scheme.weakness()
}

// describe names what an encoded hash seems to be, with words of its own, so that nothing of the hash gets into an error.
func describe(encoded string) string {
	switch {
	case encoded == "":
		return "empty"
	case hasAnyPrefix(encoded, "{SHA}", "{SSHA}"):
		return "SHA-1"
	case hasAnyPrefix(encoded, "$apr1$", "$1$"):
		return "MD5"
	case hasAnyPrefix(encoded, "$5$", "$6$"):
		return "SHA-2 crypt"
	case hasAnyPrefix(encoded, "$argon2i$", "$argon2d$"):
		return "another variant of argon2"
	case hasAnyPrefix(encoded, "$2$", "$2x$"):
		return "a variant of bcrypt with known flaws"
	default:
		return "something else, perhaps a password in the clear"
	}
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}
