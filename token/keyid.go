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

// thumbprint returns the JWK thumbprint with SHA-256, in base64url (RFC 7638, section 3). Leading zero bytes of a
// coordinate count (RFC 7518, section 6.2.1.2), whatever distribution makes of them.
func thumbprint(public crypto.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errUnsupportedKey, err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// libtrustID returns the id that the libtrust library gave to a key: the first 240 bits of the SHA-256 of the public key
// in DER, in base32, as twelve groups of four characters.
func libtrustID(public crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errUnsupportedKey, err)
	}
	const prefix, group = 240 / 8, 4
	sum := sha256.Sum256(der)
	text := base32.StdEncoding.EncodeToString(sum[:prefix])
	groups := slices.Collect(slices.Chunk([]byte(text), group))
	var b strings.Builder
	for i, g := range groups {
		if i > 0 {
			b.WriteByte(':')
		}
		b.Write(g)
	}
	return b.String(), nil
}
