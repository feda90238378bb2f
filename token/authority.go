package token

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"time"
)

// An Authority is a certificate authority for keys that sign tokens. Registries have its
// certificate in rootcertbundle for years. Tokens carry [leaf, authority] in x5c, so the keys
// below it can change without the registries. [Authority.NewKeys] makes and renews such keys.
//
// Registries accept the tokens of every key that the authority certified, for whatever purpose. So
// it must certify nothing but the token signing keys of one issuer, and its own key needs better
// protection than those: a device, or a file that only the token server reads. An Authority does
// not change, and is safe for concurrent use if its signer is.
type Authority struct {
	key *Key // has one certificate, and never signs a token
}

// GenerateAuthority makes an authority with a self-signed certificate that is valid for ten years.
// An empty algorithm is [ES256]; with [EdDSA], distribution 2.8 does not start. Store its
// PrivateKeyPEM and CertificatePEM: another authority needs another bundle in the registries.
func GenerateAuthority(algorithm Algorithm) (*Authority, error) {
	key, err := generateBare(algorithm)
	if err != nil {
		return nil, err
	}
	key, err = key.certified(nil, &x509.Certificate{
		Subject:  pkix.Name{CommonName: "registry token authority " + key.id[:8]},
		KeyUsage: x509.KeyUsageCertSign,
		IsCA:     true, MaxPathLenZero: true, // it certifies keys, not further authorities
	}, time.Now(), defaultValidity)
	if err != nil {
		return nil, err
	}
	return NewAuthority(key)
}

// NewAuthority returns an authority that certifies with key, whose only certificate must be that
// of a CA, but need not be self-signed: registries trust it directly. Make the key with [LoadKey],
// [ParseKey] or [NewKey]. The error wraps [ErrKey].
func NewAuthority(key *Key) (*Authority, error) {
	switch {
	case !key.CanSign():
		return nil, fmt.Errorf("new authority: %w", errPublicOnly)
	case len(key.chain) != 1:
		return nil, fmt.Errorf("new authority: %w: not exactly one", errBadCertificate)
	}
	c := key.chain[0]
	mayCertify := c.KeyUsage == 0 || c.KeyUsage&x509.KeyUsageCertSign != 0
	if !c.BasicConstraintsValid || !c.IsCA || !mayCertify {
		return nil, fmt.Errorf("new authority: %w: %q is not a certificate authority",
			errBadCertificate, c.Subject)
	}
	return &Authority{key}, nil
}

// Certificate returns the certificate of the authority, for [VerifierConfig.Roots].
func (a *Authority) Certificate() *x509.Certificate { return a.key.chain[0] }

// CertificatePEM returns the certificate as PEM, for the rootcertbundle of registries.
func (a *Authority) CertificatePEM() []byte { return a.key.CertificatePEM() }

// PrivateKeyPEM returns the private key as [Key.PrivateKeyPEM] does.
func (a *Authority) PrivateKeyPEM() ([]byte, error) { return a.key.PrivateKeyPEM() }

// Warnings is [Key.Warnings] for the authority.
func (a *Authority) Warnings() []string { return a.key.Warnings() }

// generateKey makes a key with a certificate of the authority, which it does not outlive.
func (a *Authority) generateKey(
	algorithm Algorithm, validFor time.Duration, now time.Time,
) (*Key, error) {
	if err := checkValidity(a.key.chain, now); err != nil {
		return nil, fmt.Errorf("generate key: authority: %w", err)
	}
	key, err := generateBare(algorithm)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature}
	return key.certified(a.key, template, now, validFor)
}
