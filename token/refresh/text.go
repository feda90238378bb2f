package refresh

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// The text of a refresh token is the prefix, followed by the base64url form of 32 random bytes and
// their checksum: the CRC-32 (IEEE, big-endian) of prefix and random bytes. Secret scanners use
// both to find leaked tokens. The 36 bytes fill 48 characters exactly, so that no token has two
// spellings.
const (
	prefix        = "rt1_"
	randomBytes   = 32
	checksumBytes = 4
	textLength    = len(prefix) + (randomBytes+checksumBytes)*4/3
)

func newText() Secret {
	random := make([]byte, randomBytes)
	_, _ = rand.Read(random) // never fails
	body := binary.BigEndian.AppendUint32(random, checksum(random))
	return Secret(prefix + base64.RawURLEncoding.EncodeToString(body))
}

// wellFormed keeps malformed tokens away from the store. It proves nothing, since anybody can
// compute the checksum.
func wellFormed(text Secret) bool {
	encoded, ok := strings.CutPrefix(string(text), prefix)
	if !ok || len(text) != textLength {
		return false
	}
	body, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || len(body) != randomBytes+checksumBytes { // shorter if it skipped line breaks
		return false
	}
	return binary.BigEndian.Uint32(body[randomBytes:]) == checksum(body[:randomBytes])
}

func checksum(random []byte) uint32 {
	return crc32.ChecksumIEEE(append([]byte(prefix), random...))
}
