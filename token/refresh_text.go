package token

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// The text of a refresh token is the prefix and the base64url form of 32 random bytes and four of checksum: the CRC-32
// (IEEE, big-endian) of prefix and random bytes. Prefix and checksum are for secret scanners, which can tell a leaked
// token from a string that looks like one. 36 bytes fill 48 characters without a rest, so each token has one spelling.
//
// The first 16 of the random bytes are those of the family: a token that takes another's place has them in common with it,
// so that the family is known of any token that was ever in it, without keeping them all.
const (
	refreshPrefix   = "rt1_"
	refreshFamily   = 16
	refreshRandom   = 32
	refreshChecksum = 4
	refreshLength   = len(refreshPrefix) + (refreshRandom+refreshChecksum)*4/3
)

func newRefreshRandom() []byte {
	random := make([]byte, refreshRandom)
	_, _ = rand.Read(random) // never fails
	return random
}

func formatRefreshText(random []byte) Secret {
	body := binary.BigEndian.AppendUint32(random, refreshSum(random))
	return Secret(refreshPrefix + base64.RawURLEncoding.EncodeToString(body))
}

// parseRefreshText keeps what cannot be a token from the store. It proves nothing: anybody can compute the checksum.
func parseRefreshText(text Secret) (random []byte, ok bool) {
	if len(text) != refreshLength {
		return nil, false
	}
	encoded, ok := strings.CutPrefix(string(text), refreshPrefix)
	if !ok {
		return nil, false
	}
	body, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || len(body) != refreshRandom+refreshChecksum { // shorter if there were line breaks, which it skips
		return nil, false
	}
	random = body[:refreshRandom:refreshRandom]
	return random, binary.BigEndian.Uint32(body[refreshRandom:]) == refreshSum(random)
}

func refreshSum(random []byte) uint32 {
	return crc32.ChecksumIEEE(append([]byte(refreshPrefix), random...))
}
