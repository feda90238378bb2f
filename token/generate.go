package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
)

// generatedRSABits suffice for the ten years of the certificate (NIST SP 800-57, part 1, table 4).
const generatedRSABits = 3072

// GenerateKey makes a key with a self-signed certificate that is valid for ten years. It is in
// memory only; see [KeyFiles] for one that lasts. An empty algorithm is [ES256]. Elliptic curve
// keys with a coordinate that starts with a zero byte are discarded, because distribution up to 3.1
// computes another kid for them.
func GenerateKey(algorithm Algorithm) (*Key, error) {
	key, err := generateBare(algorithm)
	if err != nil {
		return nil, err
	}
	return key.SelfSigned("", defaultValidity)
}

// generateBare makes a key without a certificate.
func generateBare(algorithm Algorithm) (*Key, error) {
	var signer crypto.Signer
	var err error
	switch algorithm {
	case ES256, "":
		signer, err = generateECDSA(elliptic.P256())
	case es384:
		signer, err = generateECDSA(elliptic.P384())
	case es512:
		signer, err = generateECDSA(elliptic.P521())
	case EdDSA:
		_, signer, err = ed25519.GenerateKey(rand.Reader)
	case RS256:
		signer, err = rsa.GenerateKey(rand.Reader, generatedRSABits)
	default:
		err = fmt.Errorf("%w: algorithm %q", errUnsupportedKey, string(algorithm))
	}
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return NewKey(signer)
}

func generateECDSA(curve elliptic.Curve) (private *ecdsa.PrivateKey, err error) {
	for err == nil && (private == nil || startsWithZero(private.Public())) {
		private, err = ecdsa.GenerateKey(curve, rand.Reader)
	}
	return private, err
}

// startsWithZero reports whether a coordinate of an ECDSA key starts with a zero byte: one P-256
// key in 128, and three P-521 keys in four, whose coordinates are 521 bits in 66 bytes.
func startsWithZero(public crypto.PublicKey) bool {
	key, ok := public.(*ecdsa.PublicKey)
	if !ok {
		return false
	}
	point, err := key.Bytes() // 4 || X || Y (SEC 1, section 2.3.3)
	return err == nil && (point[1] == 0 || point[1+len(point)/2] == 0)
}
