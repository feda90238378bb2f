package token

import (
	"crypto/ecdsa"
	"crypto/rand"
	_ "crypto/sha256" // for crypto.Hash.New
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// encodeHeader returns the header of the key's tokens in base64url. It is mostly certificates, and
// the same for all tokens. The signer of go-jose encodes it three times for each, which costs half
// a signature and 70 allocations; its verifier checks each key in selfTest.
func (k *Key) encodeHeader(kid string) string {
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
	return base64.RawURLEncoding.EncodeToString(text)
}

// sign returns a JWS in compact form (RFC 7515, section 3.1). A signer that panics, such as the
// driver of a device, costs one token and not the process.
func (k *Key) sign(header string, payload []byte) (jws string, err error) {
	defer func() {
		if r := recover(); r != nil {
			jws, err = "", fmt.Errorf("sign: the signer panicked: %v", r)
		}
	}()
	size := len(header) + len(payload)*4/3 + 90 // enough for signatures of ES256 and Ed25519
	token := append(append(make([]byte, 0, size), header...), '.')
	token = base64.RawURLEncoding.AppendEncode(token, payload)
	signature, err := k.signature(token)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return string(base64.RawURLEncoding.AppendEncode(append(token, '.'), signature)), nil
}

// signature signs for a JWS. An ecdsa.PrivateKey without randomness signs by RFC 6979, in five
// sixths of the time, and is safe where randomness is bad. It gives up protection against
// processor faults, which need two signatures of one message: every token has a random jti.
func (k *Key) signature(input []byte) ([]byte, error) {
	hash, random := k.algorithm.hash(), rand.Reader
	if hash != 0 {
		h := hash.New()
		_, _ = h.Write(input) // never fails
		input = h.Sum(nil)
	}
	if _, ok := k.signer.(*ecdsa.PrivateKey); ok {
		random = nil
	}
	signature, err := k.signer.Sign(random, input, hash)
	if public, ok := k.public.(*ecdsa.PublicKey); ok && err == nil {
		return concatenated(signature, (public.Params().BitSize+7)/8)
	}
	return signature, err
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
	jws, err := k.sign(k.header, []byte(message))
	if err != nil {
		return fmt.Errorf("%w: %w", errBadSigner, err)
	}
	payload, err := k.verify(jws, string(k.algorithm))
	if err != nil || string(payload) != message {
		return fmt.Errorf("%w: the signature is not of the public key", errKeyMismatch)
	}
	return nil
}
