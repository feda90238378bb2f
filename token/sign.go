package token

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
)

// A compactSigner makes tokens in compact form (RFC 7515, section 3.1). Go-jose signs; the header, which is the same for all
// tokens of a key and mostly certificates, is encoded once. Go-jose's own signer encodes it three times for each token, which
// costs half a signature and 70 allocations.
type compactSigner struct {
	header    string // base64url
	algorithm jose.SignatureAlgorithm
	signer    jose.OpaqueSigner
}

// issuedHeader is the header of a token.
type issuedHeader struct {
	Type      string    `json:"typ"`
	Algorithm Algorithm `json:"alg"`
	KeyID     string    `json:"kid"`
	Chain     []string  `json:"x5c,omitempty"` // base64, not base64url: RFC 7515, section 4.1.6
}

func (k *Key) newSigner(kid string) (*compactSigner, error) {
	header := issuedHeader{Type: "JWT", Algorithm: k.algorithm, KeyID: kid}
	for _, certificate := range k.chain {
		header.Chain = append(header.Chain, base64.StdEncoding.EncodeToString(certificate.Raw))
	}
	text, err := json.Marshal(header)
	if err != nil {
		return nil, fmt.Errorf("encode the header of %v: %w", k, err)
	}
	return &compactSigner{
		header:    base64.RawURLEncoding.EncodeToString(text),
		algorithm: jose.SignatureAlgorithm(k.algorithm),
		signer:    cryptosigner.Opaque(k.signer),
	}, nil
}

// sign returns payload as a JWS. A signer that panics costs this one token: it may be a driver of a device, and the process
// has other keys and other work.
func (s *compactSigner) sign(payload []byte) (jws string, err error) {
	defer func() {
		if r := recover(); r != nil {
			jws, err = "", fmt.Errorf("sign: the signer panicked: %v", r)
		}
	}()
	token := make([]byte, 0, len(s.header)+2*len(payload)+maxSignatureLength)
	token = append(token, s.header...)
	token = append(token, '.')
	token = base64.RawURLEncoding.AppendEncode(token, payload)
	signature, err := s.signer.SignPayload(token, s.algorithm)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	token = append(token, '.')
	token = base64.RawURLEncoding.AppendEncode(token, signature)
	return string(token), nil
}

// maxSignatureLength is room for the longest signature, of RSA with maxRSABits, encoded.
const maxSignatureLength = maxRSABits / 8 * 4 / 3

// selfTest signs a random message, and reads and verifies it with go-jose.
func (k *Key) selfTest() error {
	message := rand.Text()
	jws, err := k.byThumbprint.sign([]byte(message))
	if err != nil {
		return fmt.Errorf("test key: %w", err)
	}
	signed, err := jose.ParseSignedCompact(jws, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(k.algorithm)})
	if err != nil {
		return fmt.Errorf("test key: %w", err)
	}
	if payload, err := signed.Verify(k.public); err != nil || string(payload) != message {
		return fmt.Errorf("test key: %w: the signer's signature is not by its public key", ErrKeyMismatch)
	}
	return nil
}
