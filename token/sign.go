package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	_ "crypto/sha256" // for crypto.Hash.New
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"

	jose "github.com/go-jose/go-jose/v4"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A compactSigner makes tokens in compact form (RFC 7515, section 3.1). The header, mostly
// certificates, is encoded once. The signer of go-jose encodes it three times for each token,
// which costs half a signature and 70 allocations. Its verifier checks each key in selfTest.
type compactSigner struct {
	header string // in base64url, with the dot
	hash   crypto.Hash
	signer crypto.Signer
	random io.Reader
	size   int // of each half of an ECDSA signature, in bytes; else 0
}

func (k *Key) newSigner(kid string) *compactSigner {
	header := struct {
		Type      string    `json:"typ"`
		Algorithm Algorithm `json:"alg"`
		KeyID     string    `json:"kid"`
		Chain     [][]byte  `json:"x5c,omitempty"` // base64, not base64url: RFC 7515, section 4.1.6
	}{Type: "JWT", Algorithm: k.algorithm, KeyID: kid}
	for _, certificate := range k.chain {
		header.Chain = append(header.Chain, certificate.Raw)
	}
	text, _ := json.Marshal(header) // strings and bytes always marshal
	signer := &compactSigner{
		header: base64.RawURLEncoding.EncodeToString(text) + ".",
		hash:   k.algorithm.hash(),
		signer: k.signer,
		random: rand.Reader,
	}
	// An ecdsa.PrivateKey without randomness signs by RFC 6979, in five sixths of the time. This
	// is also safe with bad randomness. It gives up protection against processor faults, which
	// need two signatures of one message: every token has a random jti.
	if _, ok := k.signer.(*ecdsa.PrivateKey); ok {
		signer.random = nil
	}
	if public, ok := k.public.(*ecdsa.PublicKey); ok {
		signer.size = (public.Params().BitSize + 7) / 8
	}
	return signer
}

// sign returns payload as a JWS. A signer that panics, such as the driver of a device, costs one
// token and not the process.
func (s *compactSigner) sign(payload []byte) (jws string, err error) {
	defer func() {
		if r := recover(); r != nil {
			jws, err = "", fmt.Errorf("sign: the signer panicked: %v", r)
		}
	}()
	const usual = len(".") + 86 // an encoded signature of ES256 or Ed25519
	size := len(s.header) + base64.RawURLEncoding.EncodedLen(len(payload)) + usual
	token := append(make([]byte, 0, size), s.header...)
	token = base64.RawURLEncoding.AppendEncode(token, payload)
	signature, err := s.signature(token)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return string(base64.RawURLEncoding.AppendEncode(append(token, '.'), signature)), nil
}

func (s *compactSigner) signature(input []byte) ([]byte, error) {
	if s.hash != 0 {
		h := s.hash.New()
		_, _ = h.Write(input) // never fails
		input = h.Sum(nil)
	}
	signature, err := s.signer.Sign(s.random, input, s.hash)
	if err != nil || s.size == 0 {
		return signature, err
	}
	return concatenated(signature, s.size)
}

// concatenated turns the ASN.1 of an ECDSA signature (RFC 3279, section 2.2.3) into the form of a
// JWS: both numbers in equal length (RFC 7518, section 3.4).
func concatenated(signature []byte, size int) ([]byte, error) {
	input := cryptobyte.String(signature)
	var pair cryptobyte.String
	var r, s []byte
	if !input.ReadASN1(&pair, asn1.SEQUENCE) || !input.Empty() ||
		!pair.ReadASN1Integer(&r) || !pair.ReadASN1Integer(&s) || !pair.Empty() ||
		len(r) > size || len(s) > size {
		return nil, fmt.Errorf("%w: not an ECDSA signature", errBadSigner)
	}
	numbers := make([]byte, 2*size)
	copy(numbers[size-len(r):], r)
	copy(numbers[2*size-len(s):], s)
	return numbers, nil
}

// selfTest signs a random message, and verifies it with go-jose.
func (k *Key) selfTest() error {
	message := rand.Text()
	jws, err := k.byThumbprint.sign([]byte(message))
	if err != nil {
		return fmt.Errorf("%w: %w", errBadSigner, err)
	}
	algorithms := []jose.SignatureAlgorithm{jose.SignatureAlgorithm(k.algorithm)}
	signed, err := jose.ParseSignedCompact(jws, algorithms)
	if err != nil {
		return fmt.Errorf("%w: %w", errBadSigner, err)
	}
	if payload, err := signed.Verify(k.public); err != nil || string(payload) != message {
		return fmt.Errorf("%w: the public key of the signer does not verify its signature", errKeyMismatch)
	}
	return nil
}
