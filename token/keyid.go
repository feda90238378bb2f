package token

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	jose "github.com/go-jose/go-jose/v4"
)

// keyIDs returns the two ids by which registries name a key.
//
// The thumbprint is that of RFC 7638, section 3, with SHA-256 and in base64url. Leading zero bytes
// of a coordinate count (RFC 7518, section 6.2.1.2), although distribution drops them.
//
// The libtrust id is the first 240 bits of the SHA-256 of the key in DER, in base32, in twelve
// groups of four characters.
func keyIDs(public crypto.PublicKey) (thumbprint, libtrust string, err error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", errUnsupportedKey, err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", errUnsupportedKey, err)
	}
	digest := sha256.Sum256(der)
	text := base32.StdEncoding.EncodeToString(digest[:240/8])
	var groups []string
	for group := range slices.Chunk([]byte(text), 4) {
		groups = append(groups, string(group))
	}
	return base64.RawURLEncoding.EncodeToString(sum), strings.Join(groups, ":"), nil
}
