package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
)

// An Algorithm is the "alg" of a token (RFC 7518, section 3.1). Type and curve of a key determine
// its one algorithm; the header of a token never chooses it. [GenerateKey] also knows "ES384" and
// "ES512", and keys of those curves can be loaded.
type Algorithm string

const (
	// ES256 is ECDSA on P-256 with SHA-256: the default. Every registry accepts it by certificate.
	ES256 Algorithm = "ES256"
	// EdDSA is Ed25519 (RFC 8037), for distribution 3 and zot.
	EdDSA Algorithm = "EdDSA"
	// RS256 is RSA PKCS #1 v1.5 with SHA-256, for registries that support nothing else. Keys of
	// less than 2048 or more than 4096 bits are refused.
	RS256 Algorithm = "RS256"

	es384 Algorithm = "ES384"
	es512 Algorithm = "ES512"
)

const (
	minRSABits     = 2048
	maxRSABits     = 4096      // a hostile larger one could take a second to verify
	minRSAExponent = 1<<16 + 1 // FIPS 186-5, section A.1.1
)

// algorithmOf returns the algorithm of a well-formed and strong public key.
func algorithmOf(public crypto.PublicKey) (Algorithm, error) {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return algorithmOfECDSA(key)
	case ed25519.PublicKey:
		if len(key) != ed25519.PublicKeySize {
			return "", fmt.Errorf("%w: Ed25519 key of %d bytes", errUnsupportedKey, len(key))
		}
		return EdDSA, nil
	case *rsa.PublicKey:
		return algorithmOfRSA(key)
	default:
		return "", fmt.Errorf("%w: type %T", errUnsupportedKey, public)
	}
}

func algorithmOfECDSA(key *ecdsa.PublicKey) (Algorithm, error) {
	if key == nil || key.Curve == nil {
		return "", fmt.Errorf("%w: ECDSA key without a curve", errUnsupportedKey)
	}
	if _, err := key.Bytes(); err != nil { // the point is not on the curve
		return "", fmt.Errorf("%w: %w", errUnsupportedKey, err)
	}
	switch key.Curve {
	case elliptic.P256():
		return ES256, nil
	case elliptic.P384():
		return es384, nil
	case elliptic.P521():
		return es512, nil
	default:
		return "", fmt.Errorf("%w: curve %s", errUnsupportedKey, key.Params().Name)
	}
}

func algorithmOfRSA(key *rsa.PublicKey) (Algorithm, error) {
	switch {
	case key == nil || key.N == nil:
		return "", fmt.Errorf("%w: RSA key without a modulus", errUnsupportedKey)
	case key.N.BitLen() < minRSABits || key.N.BitLen() > maxRSABits:
		return "", fmt.Errorf("%w: RSA modulus of %d bits", errUnsupportedKey, key.N.BitLen())
	case key.E < minRSAExponent || key.E%2 == 0:
		return "", fmt.Errorf("%w: RSA exponent %d", errUnsupportedKey, key.E)
	}
	return RS256, nil
}

// hash returns the hash function of the algorithm. Zero is for Ed25519.
func (a Algorithm) hash() crypto.Hash {
	switch a {
	case ES256, RS256:
		return crypto.SHA256
	case es384:
		return crypto.SHA384
	case es512:
		return crypto.SHA512
	}
	return 0
}
