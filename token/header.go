package token

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
)

const (
	// maxTokenLength is twice the header line that registries accept.
	maxTokenLength  = 16 << 10
	maxCertificates = 10
)

// header is the part of the JOSE header (RFC 7515, section 4) that a verifier reads. It never
// reads jwk, jku and x5u, which let a token choose its own key.
type header struct {
	Type      string          `json:"typ"`
	Algorithm string          `json:"alg"`
	KeyID     string          `json:"kid"`
	Chain     []string        `json:"x5c"`
	Critical  json.RawMessage `json:"crit"`
	Base64    json.RawMessage `json:"b64"`
}

func malformed(reason string) error { return fmt.Errorf("%w: %s", errMalformed, reason) }

// parseHeader reads the header of a token in compact form, before anything in it can be trusted.
func parseHeader(raw string) (*header, error) {
	if len(raw) > maxTokenLength {
		return nil, malformed("it is too long")
	}
	parts := strings.SplitN(raw, ".", 4)
	if len(parts) != 3 { //nolint:mnd // header, payload, signature
		return nil, malformed("it does not have three parts")
	}
	var decoded []byte
	for i := len(parts) - 1; i >= 0; i-- { // the header last
		var ok bool
		if decoded, ok = decodePart(parts[i]); !ok {
			return nil, malformed("it is not base64url")
		}
	}
	var h *header // a pointer, to tell null from {}
	if err := json.Unmarshal(decoded, &h); err != nil || h == nil {
		return nil, malformed("the header has another form")
	}
	switch {
	case h.Critical != nil || h.Base64 != nil: // RFC 7515, section 4.1.11, and RFC 7797
		return nil, malformed("it uses an extension")
	case h.Type != "" && !strings.EqualFold(h.Type, "JWT"):
		return nil, malformed("the typ is not JWT")
	}
	return h, nil
}

// decodePart decodes base64url and accepts one spelling only. Package base64 ignores line breaks
// and, if not strict, the unused bits at the end, so that one token would have many forms.
func decodePart(part string) ([]byte, bool) {
	if part == "" || strings.ContainsAny(part, "\r\n") {
		return nil, false
	}
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(part)
	return decoded, err == nil
}

// certificates returns the untrusted x5c chain, that of the key first.
func (h *header) certificates() ([]*x509.Certificate, error) {
	if len(h.Chain) > maxCertificates {
		return nil, malformed("it has too many certificates")
	}
	chain := make([]*x509.Certificate, len(h.Chain))
	for i, encoded := range h.Chain {
		der, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, malformed("an x5c certificate is not base64")
		}
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return nil, malformed("an x5c certificate cannot be parsed")
		}
	}
	return chain, nil
}
