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

// thumbprint returns the JWK thumbprint with SHA-256 in base64url (RFC 7638, section 3). Leading zero
// bytes of a coordinate count (RFC 7518, section 6.2.1.2), although distribution drops them.
func thumbprint(public crypto.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errUnsupportedKey, err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// libtrustID returns the key id of the libtrust library: the first 240 bits of the SHA-256 of the
// public key in DER, in base32, in twelve groups of four characters.
func libtrustID(public crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errUnsupportedKey, err)
	}
	const prefix, group = 240 / 8, 4
	sum := sha256.Sum256(der)
	text := base32.StdEncoding.EncodeToString(sum[:prefix])
	var groups []string
	for chunk := range slices.Chunk([]byte(text), group) {
		groups = append(groups, string(chunk))
	}
	return strings.Join(groups, ":"), nil
}
