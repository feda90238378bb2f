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

// generatedRSABits is enough for the ten years of the certificate (NIST SP 800-57, part 1, table 4).
const generatedRSABits = 3072

// GenerateKey makes a key with a self-signed certificate that is valid for ten years. An empty algorithm is [ES256].
//
// Elliptic keys with a coordinate that begins with a zero byte are thrown away and made again, because distribution up to
// 3.1 computes another kid for them.
func GenerateKey(algorithm Algorithm) (*Key, error) {
	signer, err := generate(algorithm)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	key, err := NewKey(signer)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return key.SelfSigned("", defaultValidity)
}

func generate(algorithm Algorithm) (crypto.Signer, error) {
	switch algorithm {
	case ES256, "":
		return generateECDSA(elliptic.P256())
	case es384:
		return generateECDSA(elliptic.P384())
	case es512:
		return generateECDSA(elliptic.P521())
	case EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	case RS256:
		return rsa.GenerateKey(rand.Reader, generatedRSABits)
	default:
		return nil, fmt.Errorf("%w: algorithm %q", errUnsupportedKey, string(algorithm))
	}
}

func generateECDSA(curve elliptic.Curve) (crypto.Signer, error) {
	for {
		private, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			return nil, err
		}
		if !startsWithZero(private.Public()) {
			return private, nil
		}
	}
}

// GenerateKeySet returns a set with one generated key, as [GenerateKey] makes it. An empty algorithm is
// [ES256]. The key is lost when the process ends: see [LoadOrGenerateKey].
func GenerateKeySet(algorithm Algorithm) (*KeySet, error) {
	key, err := GenerateKey(algorithm)
	if err != nil {
		return nil, err
	}
	return NewKeySet(key)
}
