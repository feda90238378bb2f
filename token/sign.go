package token

import (
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"strings"

	jose "github.com/go-jose/go-jose/v4"
)

// A compactSigner makes tokens in compact form (RFC 7515, section 3.1). The header, which is the same for all tokens of a key
// and mostly certificates, is encoded and hashed once. Go-jose's signer encodes it three times for each token, which costs half a
// signature and 70 allocations; each key is tested against go-jose's verifier instead.
type compactSigner struct {
	header    string      // base64url, and the dot
	hashed    hash.Cloner // has read the header; nil for Ed25519, which hashes by itself
	algorithm Algorithm
	signer    crypto.Signer
	random    io.Reader // what the signer is given
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
	signer := &compactSigner{
		header:    base64.RawURLEncoding.EncodeToString(text) + ".",
		algorithm: k.algorithm,
		signer:    k.signer,
		random:    randomOf(k.signer),
	}
	if signer.hashed, err = k.algorithm.hashOf(signer.header); err != nil {
		return nil, fmt.Errorf("hash the header of %v: %w", k, err)
	}
	return signer, nil
}

// sign returns payload as a JWS. A signer that panics costs this one token: it may be a driver of a device, and the process
// has other keys and other work.
func (s *compactSigner) sign(payload []byte) (jws string, err error) {
	defer func() {
		if r := recover(); r != nil {
			jws, err = "", fmt.Errorf("sign: the signer panicked: %v", r)
		}
	}()
	const usual = len(".") + 86 // the signature of ES256 and of Ed25519, encoded
	encoded := make([]byte, 0, base64.RawURLEncoding.EncodedLen(len(payload))+usual)
	encoded = base64.RawURLEncoding.AppendEncode(encoded, payload)
	signature, err := s.signature(encoded)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	encoded = base64.RawURLEncoding.AppendEncode(append(encoded, '.'), signature)
	var token strings.Builder // a sum of strings would copy the second part twice
	token.Grow(len(s.header) + len(encoded))
	token.WriteString(s.header)
	token.Write(encoded)
	return token.String(), nil
}

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
		return fmt.Errorf("test key: %w: the signer's signature is not by its public key", errKeyMismatch)
	}
	return nil
}
