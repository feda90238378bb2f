package refresh

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/berthpass/registry-auth/authn"
)

// The text of a refresh token is a prefix, followed by the base64url form of 32 random bytes and a
// checksum: the CRC-32 (IEEE, big-endian) of prefix and random bytes. Secret scanners
// recognize leaked tokens by both.
const prefix, size = "rt1_", 32

func newText() authn.Secret {
	random := make([]byte, size)
	_, _ = rand.Read(random) // never fails
	return formatText(random)
}

func formatText(random []byte) authn.Secret {
	checksum := crc32.ChecksumIEEE(append([]byte(prefix), random...))
	body := binary.BigEndian.AppendUint32(random, checksum)
	return authn.Secret(prefix + base64.RawURLEncoding.EncodeToString(body))
}

// wellFormed keeps malformed tokens away from the store. It proves nothing, since anybody can
// compute the checksum.
func wellFormed(text authn.Secret) bool {
	encoded, _ := strings.CutPrefix(string(text), prefix)
	body, err := base64.RawURLEncoding.DecodeString(encoded)
	return err == nil && len(body) > size && text == formatText(body[:size:size])
}
