package token

import (
	"crypto"
	"crypto/x509"
	"time"
)

// The reasons behind [ErrInvalid] and [ErrKey], for the tests outside of the package.
var (
	ErrMalformed   = errMalformed
	ErrSignature   = errSignature
	ErrIssuer      = errIssuer
	ErrAudience    = errAudience
	ErrExpired     = errExpired
	ErrNotYetValid = errNotYetValid

	ErrUnsupportedKey = errUnsupportedKey
	ErrKeyMismatch    = errKeyMismatch
	ErrBadCertificate = errBadCertificate
	ErrEncryptedKey   = errEncryptedKey
	ErrPublicOnly     = errPublicOnly
	ErrBadSigner      = errBadSigner
	ErrPEM            = errPEM
	ErrNotInSet       = errNotInSet
	ErrKeyInUse       = errKeyInUse
)

// The algorithms that have no constant, and the bounds that the documentation names.
const (
	ES384              = es384
	ES512              = es512
	MaxLifetime        = maxLifetime
	DefaultLeeway      = defaultLeeway
	MinKeyLifetime     = minKeyLifetime
	DefaultKeyLifetime = defaultKeyLifetime
)

// NewPublicKey makes a key that only verifies.
func NewPublicKey(public crypto.PublicKey, chain ...*x509.Certificate) (*Key, error) {
	return newPublicKey(public, chain...)
}

// GenerateKey makes a key below the authority, as NewKeys does.
func (a *Authority) GenerateKey(algorithm Algorithm, validFor time.Duration) (*Key, error) {
	return a.generateKey(algorithm, validFor, time.Now())
}
