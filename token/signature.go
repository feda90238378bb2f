package token

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	_ "crypto/sha256" // for crypto.Hash.New
	_ "crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// appendSignature appends to a header and a payload the dot and the signature over them.
func (s *compactSigner) appendSignature(token []byte) ([]byte, error) {
	digest, err := s.digest(token)
	if err != nil {
		return nil, err
	}
	signature, err := s.signer.Sign(rand.Reader, digest, s.algorithm.hash())
	if err != nil {
		return nil, err
	}
	token = append(token, '.')
	if size := s.algorithm.coordinateSize(); size > 0 {
		return appendECDSA(token, signature, size)
	}
	return base64.RawURLEncoding.AppendEncode(token, signature), nil
}

// digest returns what the signer is given: the hash of a header and a payload, or both as they are.
func (s *compactSigner) digest(token []byte) ([]byte, error) {
	if s.hashed == nil {
		return token, nil
	}
	h, err := s.hashed.Clone()
	if err != nil {
		return nil, err
	}
	_, _ = h.Write(token[len(s.header):]) // never fails
	return h.Sum(nil), nil
}

// hash is the hash function of the algorithm, or zero for Ed25519.
func (a Algorithm) hash() crypto.Hash {
	switch a {
	case ES256, RS256:
		return crypto.SHA256
	case ES384:
		return crypto.SHA384
	case ES512:
		return crypto.SHA512
	default:
		return crypto.Hash(0)
	}
}

// hashOf returns a hash that has read the beginning of a message, or nil when the algorithm has none.
func (a Algorithm) hashOf(beginning string) (hash.Cloner, error) {
	if a.hash() == 0 {
		return nil, nil //nolint:nilnil // there is nothing to keep
	}
	h, ok := a.hash().New().(hash.Cloner)
	if !ok {
		return nil, fmt.Errorf("%v cannot be copied", a.hash())
	}
	_, err := io.WriteString(h, beginning)
	return h, err
}

// maxEncodedSignature is the length of the longest signature of the algorithm, in base64url.
func (a Algorithm) maxEncodedSignature() int {
	size := 2 * a.coordinateSize()
	switch a {
	case EdDSA:
		size = ed25519.SignatureSize
	case RS256:
		size = maxRSABits / 8
	}
	return base64.RawURLEncoding.EncodedLen(size)
}

// coordinateSize is the length in bytes of each of the two numbers of an ECDSA signature, or zero for other algorithms.
func (a Algorithm) coordinateSize() int {
	switch a {
	case ES256:
		return 32
	case ES384:
		return 48
	case ES512:
		return maxCoordinateSize
	default:
		return 0
	}
}

const maxCoordinateSize = 66 // of P-521

// appendECDSA turns the ASN.1 of a signer (RFC 3279, section 2.2.3) into what a JWS has: two numbers of equal length, without
// a frame (RFC 7518, section 3.4).
func appendECDSA(token, signature []byte, size int) ([]byte, error) {
	input := cryptobyte.String(signature)
	var pair cryptobyte.String
	var r, s []byte
	if !input.ReadASN1(&pair, asn1.SEQUENCE) || !input.Empty() ||
		!pair.ReadASN1Integer(&r) || !pair.ReadASN1Integer(&s) || !pair.Empty() {
		return nil, errors.New("the signature is not that of an ECDSA key")
	}
	if len(r) > size || len(s) > size {
		return nil, fmt.Errorf("the numbers of the signature have %d and %d bytes, more than %d", len(r), len(s), size)
	}
	var numbers [2 * maxCoordinateSize]byte
	copy(numbers[size-len(r):], r)
	copy(numbers[2*size-len(s):], s)
	return base64.RawURLEncoding.AppendEncode(token, numbers[:2*size]), nil
}
