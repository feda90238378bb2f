package password

import (
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// The format is $2y$CC$ with a cost of two digits, then 22 characters of salt and 31 of digest, in
// bcrypt's own base64 alphabet.
const (
	bcryptBytes       = 60
	bcryptSaltOffset  = len("$2y$10$")
	bcryptHashOffset  = bcryptSaltOffset + 22
	bcryptSaltBytes   = 16
	bcryptDigestBytes = 23
	bcryptAlphabet    = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

	minBcryptCost     = 5 // the default of htpasswd
	strongBcryptCost  = 10
	maxBcryptCost     = 14 // about a second
	maxBcryptPassword = 72 // x/crypto ignores the rest when it compares
)

type bcryptHash struct {
	encoded [bcryptBytes]byte
	cost    uint8
}

func parseBcrypt(encoded string) (*bcryptHash, error) {
	if len(encoded) != bcryptBytes {
		return nil, fmt.Errorf("%w: a bcrypt hash has %d characters, not %d",
			errMalformed, bcryptBytes, len(encoded))
	}
	tens, ones := encoded[4]-'0', encoded[5]-'0'
	if tens > 9 || ones > 9 || encoded[6] != '$' {
		return nil, fmt.Errorf("%w: the bcrypt cost is not two digits", errMalformed)
	}
	alphabet := base64.NewEncoding(bcryptAlphabet).WithPadding(base64.NoPadding)
	// The decoder ignores line breaks, so check the lengths.
	salt, err := alphabet.DecodeString(encoded[bcryptSaltOffset:bcryptHashOffset])
	if err != nil || len(salt) != bcryptSaltBytes {
		return nil, fmt.Errorf("%w: the bcrypt salt is not base64", errMalformed)
	}
	digest, err := alphabet.Strict().DecodeString(encoded[bcryptHashOffset:])
	if err != nil || len(digest) != bcryptDigestBytes {
		return nil, fmt.Errorf("%w: the bcrypt digest is not base64", errMalformed)
	}
	cost := tens*10 + ones
	if cost < minBcryptCost || cost > maxBcryptCost {
		return nil, fmt.Errorf("%w: bcrypt cost %d is not in %d to %d: run htpasswd -nBC 10 NAME",
			errParameters, cost, minBcryptCost, maxBcryptCost)
	}
	return &bcryptHash{[bcryptBytes]byte([]byte(encoded)), cost}, nil
}

func (h *bcryptHash) matches(password string) bool {
	// bcrypt repeats the password with a zero byte between, so "a" and "a\x00a" have the same hash.
	usable := len(password) <= maxBcryptPassword && !strings.Contains(password, "\x00")
	password = password[:min(len(password), maxBcryptPassword)]
	return bcrypt.CompareHashAndPassword(h.encoded[:], []byte(password)) == nil && usable
}

// 64 ms for cost 10, measured on the same machine as argon2id.
func (h *bcryptHash) nominalMicroseconds() int { return 64_000 >> 10 << h.cost }

func (h *bcryptHash) parameters() string { return fmt.Sprintf("bcrypt cost %d", h.cost) }

func (h *bcryptHash) weakness() string {
	if h.cost >= strongBcryptCost {
		return ""
	}
	return fmt.Sprintf("bcrypt cost %d is below %d: run htpasswd -nBC 10 NAME",
		h.cost, strongBcryptCost)
}

// decoy returns a digest that bcrypt cannot produce: 31 characters hold two bits more than 23
// bytes. They are zero in every real digest, and not in this one.
func (h *bcryptHash) decoy() scheme {
	zeros := strings.Repeat(".", bcryptBytes-bcryptSaltOffset-1)
	return &bcryptHash{[bcryptBytes]byte(fmt.Appendf(nil, "$2b$%02d$%s/", h.cost, zeros)), h.cost}
}
