package token

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
)

// Limits of what a verifier looks at.
const (
	// maxTokenLength is twice what a registry's header line can hold.
	maxTokenLength  = 16 << 10
	maxCertificates = 10
)

// header is what a verifier needs of the JOSE header (RFC 7515, section 4). What is not here is not read: jwk, jku and
// x5u would let the token choose its own key.
type header struct {
	Type      string          `json:"typ"`
	Algorithm string          `json:"alg"`
	KeyID     string          `json:"kid"`
	Chain     []string        `json:"x5c"`
	Critical  json.RawMessage `json:"crit"`
	Base64    json.RawMessage `json:"b64"`
}

func malformed(reason string) error { return fmt.Errorf("%w: %s", errMalformed, reason) }

// parseHeader reads the header of a token in compact form, before anything about it can be trusted.
func parseHeader(raw string) (*header, error) {
	switch {
	case len(raw) > maxTokenLength:
		return nil, malformed("too long")
	case strings.Count(raw, ".") != 2:
		return nil, malformed("not three parts")
	}
	protected, rest, _ := strings.Cut(raw, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	for _, part := range []string{payload, signature} {
		if _, ok := decodePart(part); !ok {
			return nil, malformed("not base64url")
		}
	}
	decoded, ok := decodePart(protected)
	if !ok {
		return nil, malformed("not base64url")
	}
	var h *header // a pointer, to tell null from {}
	if err := json.Unmarshal(decoded, &h); err != nil || h == nil {
		return nil, malformed("the header is not what it should be")
	}
	switch {
	case h.Critical != nil || h.Base64 != nil: // RFC 7515, section 4.1.11, and RFC 7797
		return nil, malformed("an extension that is not known")
	case h.Type != "" && !strings.EqualFold(h.Type, "JWT"):
		return nil, malformed("the typ is not JWT")
	}
	return h, nil
}

// decodePart decodes base64url, and only the one spelling of it: the package ignores line breaks and, if not strict, the
// bits that are left over, so that one token would have many forms.
func decodePart(part string) ([]byte, bool) {
	if part == "" || strings.ContainsAny(part, "\r\n") {
		return nil, false
	}
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(part)
	return decoded, err == nil
}

// certificates returns the x5c chain, whose first certificate is that of the key. Nothing in it is to be trusted.
func (h *header) certificates() ([]*x509.Certificate, error) {
	if len(h.Chain) > maxCertificates {
		return nil, malformed("too many certificates")
	}
	chain := make([]*x509.Certificate, len(h.Chain))
	for i, encoded := range h.Chain {
		der, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, malformed("an x5c certificate is not base64")
		}
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return nil, malformed("an x5c certificate cannot be read")
		}
	}
	return chain, nil
}
