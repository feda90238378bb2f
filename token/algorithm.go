package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
)

// An Algorithm is the "alg" of a token (RFC 7518, section 3.1). A key has exactly one, which its type and its curve
// determine: what a token says about the algorithm never chooses it.
type Algorithm string

// The algorithms of this package.
const (
	// ES256 is ECDSA on P-256 with SHA-256: the default, accepted by every registry and cheap.
	ES256 Algorithm = "ES256"
	// es384 is ECDSA on P-384 with SHA-384.
	es384 Algorithm = "ES384"
	// es512 is ECDSA on P-521 with SHA-512.
	es512 Algorithm = "ES512"
	// EdDSA is Ed25519 (RFC 8037). Distribution knows it since version 3.
	EdDSA Algorithm = "EdDSA"
	// RS256 is RSA PKCS #1 v1.5 with SHA-256, for registries that know nothing else.
	RS256 Algorithm = "RS256"
)

// The RSA moduli that are accepted, in bits. The upper bound is for verifiers: a modulus is checked against it before it
// is used, since a hostile certificate can make an RSA verification take a second.
const (
	minRSABits = 2048
	maxRSABits = 4096
)

// minRSAExponent is the smallest public exponent of FIPS 186-5, section A.1.1.
const minRSAExponent = 1<<16 + 1

// algorithmOf returns the algorithm of a public key, or an error that wraps errUnsupportedKey. A key that it accepts is
// well-formed and strong enough.
func algorithmOf(public crypto.PublicKey) (Algorithm, error) {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return algorithmOfECDSA(key)
	case ed25519.PublicKey:
		if len(key) != ed25519.PublicKeySize {
			return "", fmt.Errorf("%w: an Ed25519 key of %d bytes", errUnsupportedKey, len(key))
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
		return "", fmt.Errorf("%w: an ECDSA key without a curve", errUnsupportedKey)
	}
	var algorithm Algorithm
	switch key.Curve {
	case elliptic.P256():
		algorithm = ES256
	case elliptic.P384():
		algorithm = es384
	case elliptic.P521():
		algorithm = es512
	default:
		return "", fmt.Errorf("%w: the curve %s", errUnsupportedKey, key.Params().Name)
	}
	if _, err := key.Bytes(); err != nil { // a point that is not on the curve
		return "", fmt.Errorf("%w: %w", errUnsupportedKey, err)
	}
	return algorithm, nil
}

func algorithmOfRSA(key *rsa.PublicKey) (Algorithm, error) {
	switch {
	case key == nil || key.N == nil:
		return "", fmt.Errorf("%w: an RSA key without a modulus", errUnsupportedKey)
	case key.N.BitLen() < minRSABits || key.N.BitLen() > maxRSABits:
		return "", fmt.Errorf("%w: an RSA modulus of %d bits, not of %d to %d",
			errUnsupportedKey, key.N.BitLen(), minRSABits, maxRSABits)
	case key.E < minRSAExponent || key.E%2 == 0:
		return "", fmt.Errorf("%w: the RSA exponent %d", errUnsupportedKey, key.E)
	}
	return RS256, nil
}

// startsWithZero reports whether a coordinate of an ECDSA key begins with a zero byte: about one P-256 key in 128, and
// three in four of P-521, whose coordinates are 521 bits in 66 bytes.
func startsWithZero(public crypto.PublicKey) bool {
	key, ok := public.(*ecdsa.PublicKey)
	if !ok {
		return false
	}
	point, err := key.Bytes() // 4 || X || Y: SEC 1, section 2.3.3, without compression
	if err != nil {
		return false
	}
	x, y := point[1:1+len(point)/2], point[1+len(point)/2:]
	return x[0] == 0 || y[0] == 0
}
