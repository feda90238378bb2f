package password

import (
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// The form is $2y$CC$ with two digits of cost, then 22 characters of salt and 31 of digest, in an alphabet of its own.
const (
	bcryptBytes       = 60
	bcryptSaltOffset  = len("$2y$10$")
	bcryptHashOffset  = bcryptSaltOffset + 22
	bcryptSaltBytes   = 16
	bcryptDigestBytes = 23
	bcryptAlphabet    = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

	// htpasswd makes cost 5 unless it is told otherwise. 14 takes about a second.
	minBcryptCost    = 5
	strongBcryptCost = 10
	maxBcryptCost    = 14

	// maxBcryptPassword is how much of a password bcrypt reads. The comparison of x/crypto cuts a longer one silently.
	maxBcryptPassword = 72
)

type bcryptHash struct {
	encoded [bcryptBytes]byte // in place, since there may be many
	cost    uint8
}

func parseBcrypt(encoded string) (*bcryptHash, error) {
	if len(encoded) != bcryptBytes {
		return nil, fmt.Errorf("%w: a bcrypt hash has %d characters and not %d", errMalformed, bcryptBytes, len(encoded))
	}
	tens, ones := encoded[4]-'0', encoded[5]-'0'
	if tens > 9 || ones > 9 || encoded[6] != '$' {
		return nil, fmt.Errorf("%w: the bcrypt cost is not two digits", errMalformed)
	}
	alphabet := base64.NewEncoding(bcryptAlphabet).WithPadding(base64.NoPadding)
	// Go's decoder skips line breaks, which the lengths show.
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
		return nil, fmt.Errorf("%w: bcrypt cost %d is not in %d to %d: make the hash anew with htpasswd -nBC 10 NAME",
			errParameters, cost, minBcryptCost, maxBcryptCost)
	}
	return &bcryptHash{[bcryptBytes]byte([]byte(encoded)), cost}, nil
}

func (h *bcryptHash) matches(password string) bool {
	// The key is repeated with a zero byte between, so that "a" and "a\x00a" have the same hash.
	usable := len(password) <= maxBcryptPassword && !strings.Contains(password, "\x00")
	err := bcrypt.CompareHashAndPassword(h.encoded[:], []byte(password[:min(len(password), maxBcryptPassword)]))
	return err == nil && usable
}

// 64 ms for cost 10, on a machine on which argon2id takes what argon2idHash says.
func (h *bcryptHash) nominalMicroseconds() int { return 64_000 >> 10 << h.cost }

func (h *bcryptHash) parameters() string { return fmt.Sprintf("bcrypt cost %d", h.cost) }

func (h *bcryptHash) weakness() string {
	if h.cost >= strongBcryptCost {
		return ""
	}
	return fmt.Sprintf("bcrypt cost %d is below %d: make the hash anew with htpasswd -nBC 10 NAME", h.cost, strongBcryptCost)
}

// decoy has a digest that bcrypt cannot produce: 31 characters hold two bits more than 23 bytes, which are zero in every real
// digest, and one in this. So it need not be computed, and nothing matches.
func (h *bcryptHash) decoy() scheme {
	zeros := strings.Repeat(".", bcryptBytes-bcryptSaltOffset-1)
	return &bcryptHash{[bcryptBytes]byte(fmt.Appendf(nil, "$2b$%02d$%s/", h.cost, zeros)), h.cost}
}
