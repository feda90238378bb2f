package secret

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// A MAC computes keyed hashes (HMAC-SHA-256) of strings, such as user names and passwords. Without
// the key nobody can choose two inputs that collide, or test guesses against a hash. It is safe for
// concurrent use, and printing it does not show the key.
type MAC struct{ start func() hash.Hash }

// NewMAC returns a MAC with the given key, or with a random one if the key is empty.
func NewMAC(key String) MAC {
	bytes := []byte(key)
	if len(bytes) == 0 {
		bytes = make([]byte, sha256.Size)
		_, _ = rand.Read(bytes) // never fails
	}
	return MAC{func() hash.Hash { return hmac.New(sha256.New, bytes) }}
}

// Sum returns the hash of the parts. Each part is prefixed with its length, so that "ab", "c" and
// "a", "bc" have different hashes.
func (m MAC) Sum(parts ...string) [sha256.Size]byte {
	message := make([]byte, 0, 128)
	for _, part := range parts {
		message = binary.BigEndian.AppendUint64(message, uint64(len(part)))
		message = append(message, part...)
	}
	mac := m.start()
	_, _ = mac.Write(message) // never fails
	return [sha256.Size]byte(mac.Sum(nil))
}
