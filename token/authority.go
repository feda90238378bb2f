package token

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"time"
)

// An Authority is a certificate authority for keys that sign tokens. Registries have its certificate in rootcertbundle and
// keep it for years; below it stand keys that come and go, whose tokens carry [leaf, authority] in x5c. So a signing key
// is changed without a word to any registry. See [AuthorityKeys], which does that.
//
// Registries accept the tokens of whatever the authority certified, for whatever purpose. So it must certify nothing but
// token signing keys, of one issuer, and its own key deserves more care than they do: a device, or a file that only the
// token server reads. An Authority does not change, and is safe for concurrent use, provided that its signer is.
type Authority struct {
	key         *Key // with its one certificate; never used to sign a token
	certificate *x509.Certificate
}

// GenerateAuthority makes an authority whose certificate is self-signed and valid for ten years. An empty algorithm is
// [ES256]; with [EdDSA], distribution 2.8 does not start. Keep it with [Authority.PrivateKeyPEM] and
// [Authority.CertificatePEM]: with another one at each start, registries would need a new bundle each time.
func GenerateAuthority(algorithm Algorithm) (*Authority, error) {
	signer, err := generate(algorithm)
	if err != nil {
		return nil, fmt.Errorf("generate authority: %w", err)
	}
	id, err := thumbprint(signer.Public())
	if err != nil {
		return nil, fmt.Errorf("generate authority: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "registry token authority " + id[:8]},
		NotBefore:             now.Add(-clockDifference),
		NotAfter:              now.Add(defaultValidity),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true, // it certifies keys, not further authorities
	}
	certificate, err := createCertificate(template, template, signer.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("generate authority: %w", err)
	}
	key, err := NewKey(signer, certificate)
	if err != nil {
		return nil, fmt.Errorf("generate authority: %w", err)
	}
	return NewAuthority(key)
}

// NewAuthority returns an authority that signs with key, which has exactly one certificate: that of a
// certificate authority. It need not be self-signed, since registries trust it by itself. Make the key
// with [LoadKey], [ParseKey] or, when it lives in a device, [NewKey]. The error wraps [ErrKey].
func NewAuthority(key *Key) (*Authority, error) {
	if !key.CanSign() {
		return nil, fmt.Errorf("new authority: %w", errPublicOnly)
	}
	if len(key.chain) != 1 {
		return nil, fmt.Errorf("make authority: %w: %d certificates, not one", errBadCertificate, len(key.chain))
	}
	certificate := key.chain[0]
	switch {
	case !certificate.BasicConstraintsValid || !certificate.IsCA:
		return nil, fmt.Errorf("make authority: %w: %q is not that of a certificate authority", errBadCertificate, certificate.Subject)
	case certificate.KeyUsage != 0 && certificate.KeyUsage&x509.KeyUsageCertSign == 0:
		return nil, fmt.Errorf("make authority: %w: %q must not sign certificates", errBadCertificate, certificate.Subject)
	}
	return &Authority{key: key, certificate: certificate}, nil
}

// Certificate returns the certificate of the authority, for [VerifierConfig.Roots].
func (a *Authority) Certificate() *x509.Certificate { return a.certificate }

// CertificatePEM returns the certificate as PEM, for the rootcertbundle of registries.
func (a *Authority) CertificatePEM() []byte { return encodeCertificate(a.certificate) }

// PrivateKeyPEM returns the private key as [Key.PrivateKeyPEM] does.
func (a *Authority) PrivateKeyPEM() ([]byte, error) { return a.key.PrivateKeyPEM() }

// Warnings returns what is to be said about the authority at start, a sentence each, as [Key.Warnings] does.
func (a *Authority) Warnings() []string {
	warnings := append(slices.Clone(a.key.warnings), a.key.expiryWarnings()...)
	if a.key.algorithm == EdDSA {
		warnings = append(warnings, ed25519Warning)
	}
	return warnings
}

// GenerateKey makes a key with a certificate of the authority, valid from an hour ago until validFor from now, but no
// longer than that of the authority. An empty algorithm is [ES256]. It is for keys that are distributed as files;
// [AuthorityKeys] makes its own.
func (a *Authority) GenerateKey(algorithm Algorithm, validFor time.Duration) (*Key, error) {
	if validFor <= 0 {
		return nil, fmt.Errorf("generate key: a validity of %v", validFor)
	}
	return a.generateKey(algorithm, validFor, time.Now())
}

func (a *Authority) generateKey(algorithm Algorithm, validFor time.Duration, now time.Time) (*Key, error) {
	if err := checkValidity([]*x509.Certificate{a.certificate}, now); err != nil {
		return nil, fmt.Errorf("generate key: the authority: %w", err)
	}
	signer, err := generate(algorithm)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	certificate, err := a.certify(signer.Public(), validFor, now)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return newKeyAt(now, signer, []*x509.Certificate{certificate, a.certificate})
}

// certify makes the certificate of a key. It is not a CA: whoever gets hold of the key can sign tokens until its end, and
// nothing for longer.
func (a *Authority) certify(public crypto.PublicKey, validFor time.Duration, now time.Time) (*x509.Certificate, error) {
	id, err := thumbprint(public)
	if err != nil {
		return nil, err
	}
	end := now.Add(validFor)
	if a.certificate.NotAfter.Before(end) {
		end = a.certificate.NotAfter
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "registry token signing key " + id[:8]},
		NotBefore:             now.Add(-clockDifference),
		NotAfter:              end,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
	return createCertificate(template, a.certificate, public, a.key.signer)
}

// createCertificate signs and reads a certificate. A signer that panics, a driver perhaps, is an error, as for tokens.
func createCertificate(
	template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer,
) (certificate *x509.Certificate, err error) {
	defer func() {
		if r := recover(); r != nil {
			certificate, err = nil, fmt.Errorf("make certificate: the signer panicked: %v", r)
		}
	}()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	if certificate, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	return certificate, nil
}
