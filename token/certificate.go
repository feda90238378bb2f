package token

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"time"
)

// The validity of the certificate that [GenerateKey] makes. It begins an hour back for registries whose clock is behind.
const (
	defaultValidity = 10 * 365 * 24 * time.Hour
	clockDifference = time.Hour
)

// SelfSigned returns the same key with a fresh self-signed certificate, valid from an hour ago until validFor from now. It
// renews a certificate without a change of key: registries that have the old one in their bundle need the new one too,
// and find both by the same kid. An empty commonName stands for one that names the key.
//
// The certificate is not a CA: nothing but this key is trusted by trusting it.
func (k *Key) SelfSigned(commonName string, validFor time.Duration) (*Key, error) {
	if !k.CanSign() {
		return nil, fmt.Errorf("make certificate: %w", errPublicOnly)
	}
	if validFor <= 0 {
		return nil, fmt.Errorf("make certificate: a validity of %v", validFor)
	}
	if commonName == "" {
		commonName = "registry token signing key " + k.id[:8]
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             now.Add(-clockDifference),
		NotAfter:              now.Add(validFor),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
	certificate, err := createCertificate(template, template, k.public, k.signer)
	if err != nil {
		return nil, err
	}
	renewed := *k
	renewed.chain = []*x509.Certificate{certificate}
	renewed.authority, renewed.signsUntil = nil, time.Time{}
	return renewed.withSigner(k.signer) // the x5c header has changed
}

// CertificatePEM returns the certificates of the key as PEM, its own first, or nothing when it has none.
func (k *Key) CertificatePEM() []byte {
	var out []byte
	for _, certificate := range k.chain {
		out = append(out, encodeCertificate(certificate)...)
	}
	return out
}

func encodeCertificate(certificate *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: certificate.Raw})
}

// checkChain checks that the first certificate is that of the key and that each is signed by the next.
func checkChain(public crypto.PublicKey, chain []*x509.Certificate) error {
	for i, certificate := range chain {
		if certificate == nil {
			return fmt.Errorf("%w: certificate %d is nil", errBadCertificate, i+1)
		}
		if i == 0 {
			continue
		}
		if err := chain[i-1].CheckSignatureFrom(certificate); err != nil {
			return fmt.Errorf("%w: certificate %d is not signed by the one after it: %w", errBadCertificate, i, err)
		}
	}
	if len(chain) > 0 && !sameKey(public, chain[0].PublicKey) {
		return fmt.Errorf("%w: the first certificate, %q, is of another key", errKeyMismatch, chain[0].Subject)
	}
	return nil
}

// checkValidity checks that all certificates are valid now: registries check it for every token.
func checkValidity(chain []*x509.Certificate, now time.Time) error {
	for _, certificate := range chain {
		if now.After(certificate.NotAfter) {
			return fmt.Errorf("%w: %q expired at %s", errBadCertificate,
				certificate.Subject, certificate.NotAfter.UTC().Format(time.RFC3339))
		}
		if now.Before(certificate.NotBefore) {
			return fmt.Errorf("%w: %q is not valid before %s", errBadCertificate,
				certificate.Subject, certificate.NotBefore.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// sameKey compares two public keys. All of the standard library's have the method.
func sameKey(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}
