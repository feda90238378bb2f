package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	_ "crypto/sha256" // for crypto.Hash.New
	_ "crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"io"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// signature returns the signature over the header and an encoded payload.
func (s *compactSigner) signature(payload []byte) ([]byte, error) {
	digest, err := s.digest(payload)
	if err != nil {
		return nil, err
	}
	signature, err := s.signer.Sign(s.random, digest, s.algorithm.hash())
	if err != nil {
		return nil, err
	}
	if size := s.algorithm.coordinateSize(); size > 0 {
		return twoNumbers(signature, size)
	}
	return signature, nil
}

// randomOf is the randomness for the signatures of a signer. An ecdsa.PrivateKey has none, and so signs by RFC 6979: what has to be
// another number for each message is made of the key and the message. That is no worse when a machine has bad randomness, with which
// crypto/ecdsa mixes both, and takes five sixths of the time. It gives up what randomness does against faults of the processor, which
// need two signatures of one message: every token has a random jti.
func randomOf(signer crypto.Signer) io.Reader {
	if _, ok := signer.(*ecdsa.PrivateKey); ok {
		return nil
	}
	return rand.Reader
}

// digest returns what the signer is given: the hash of the header and the payload, or both as they are.
func (s *compactSigner) digest(payload []byte) ([]byte, error) {
	if s.hashed == nil {
		return append([]byte(s.header), payload...), nil
	}
	h, err := s.hashed.Clone()
	if err != nil {
		return nil, err
	}
	_, _ = h.Write(payload) // never fails
	return h.Sum(nil), nil
}

// hash is the hash function of the algorithm, or zero for Ed25519.
func (a Algorithm) hash() crypto.Hash {
	switch a {
	case ES256, RS256:
		return crypto.SHA256
	case es384:
		return crypto.SHA384
	case es512:
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

// coordinateSize is the length in bytes of each of the two numbers of an ECDSA signature, or zero for other algorithms.
func (a Algorithm) coordinateSize() int {
	switch a {
	case ES256:
		return 32
	case es384:
		return 48
	case es512:
		return 66
	default:
		return 0
	}
}

// twoNumbers turns the ASN.1 of an ECDSA signer (RFC 3279, section 2.2.3) into what a JWS has: both numbers in equal length, without
// a frame (RFC 7518, section 3.4).
func twoNumbers(signature []byte, size int) ([]byte, error) {
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
	numbers := make([]byte, 2*size)
	copy(numbers[size-len(r):], r)
	copy(numbers[2*size-len(s):], s)
	return numbers, nil
}
