package password

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/authn"
)

// ErrHash means that a password hash is not acceptable. The text says why: another algorithm, a
// malformed hash, or parameters that are too cheap or too costly.
var ErrHash = errors.New("unacceptable password hash")

var (
	errAlgorithm  = fmt.Errorf("%w: not bcrypt or argon2id: run htpasswd -nBC 10 NAME", ErrHash)
	errMalformed  = fmt.Errorf("%w: malformed", ErrHash)
	errParameters = fmt.Errorf("%w: parameters out of bounds", ErrHash)
)

// maxEncodedBytes is more than an argon2id hash with a salt and a digest of 64 bytes takes.
const maxEncodedBytes = 256

// A Hash is an acceptable password hash, for [Checker.Check]. It is immutable and safe for
// concurrent use, and printing it does not reveal the digest. The zero Hash matches no password, at
// once; for unknown users use [Decoy].
type Hash struct{ scheme scheme }

// A scheme is an algorithm with the parameters and the digest of one hash. Implementations are
// pointers, so that fmt prints an address instead of the digest.
type scheme interface {
	// matches checks a password. It does the same work for every password.
	matches(password string) bool
	// nominalMicroseconds estimates the time that matches takes, to compare hashes.
	nominalMicroseconds() int
	parameters() string
	weakness() string
	// decoy returns a hash with the same parameters that no password matches.
	decoy() scheme
}

// Parse parses an encoded hash. The error wraps [ErrHash] and does not contain the hash.
func Parse(encoded authn.Secret) (Hash, error) {
	var parsed scheme
	var err error
	switch text := string(encoded); {
	case len(text) > maxEncodedBytes:
		err = fmt.Errorf("%w: longer than %d bytes", errMalformed, maxEncodedBytes)
	case strings.HasPrefix(text, argon2idPrefix):
		parsed, err = parseArgon2id(text)
	case slices.Contains([]string{"$2a$", "$2b$", "$2y$"}, text[:min(4, len(text))]):
		parsed, err = parseBcrypt(text)
	default:
		err = errAlgorithm
	}
	if err != nil {
		return Hash{}, err
	}
	return Hash{parsed}, nil
}

// Parameters names the algorithm and its cost, such as "bcrypt cost 10" or "argon2id
// m=19456,t=2,p=1".
func (h Hash) Parameters() string {
	if h.scheme == nil {
		return "none"
	}
	return h.scheme.parameters()
}

// Weakness says what is weak about a hash and how to fix it. It is empty for a strong one.
func (h Hash) Weakness() string {
	if h.scheme == nil {
		return ""
	}
	return h.scheme.weakness()
}
