package token

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
)

const (
	maxTokenLength  = 16 << 10 // twice the header line that registries accept
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
	parts := strings.SplitN(raw, ".", 4) // one more than there should be
	var decoded [4][]byte
	for i, part := range parts {
		// Package base64 ignores line breaks and, if not strict, the unused bits at the end. One
		// token must not have many forms.
		var err error
		decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || part == "" || strings.ContainsAny(part, "\r\n") {
			return nil, malformed("it is not base64url")
		}
	}
	var h *header // a pointer, to tell null from {}
	err := json.Unmarshal(decoded[0], &h)
	switch {
	case len(parts) != 3:
		return nil, malformed("it does not have three parts")
	case err != nil || h == nil:
		return nil, malformed("the header has another form")
	case h.Critical != nil || h.Base64 != nil: // RFC 7515, section 4.1.11, and RFC 7797
		return nil, malformed("it uses an extension")
	case h.Type != "" && !strings.EqualFold(h.Type, "JWT"):
		return nil, malformed("the typ is not JWT")
	}
	return h, nil
}

// certificates returns the untrusted x5c chain, that of the key first.
func (h *header) certificates() ([]*x509.Certificate, error) {
	if len(h.Chain) > maxCertificates {
		return nil, malformed("it has too many certificates")
	}
	chain := make([]*x509.Certificate, len(h.Chain))
	for i, encoded := range h.Chain {
		der, err := base64.StdEncoding.DecodeString(encoded)
		if err == nil {
			chain[i], err = x509.ParseCertificate(der)
		}
		if err != nil {
			return nil, malformed("an x5c certificate cannot be parsed")
		}
	}
	return chain, nil
}
