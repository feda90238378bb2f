package token

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"time"
)

const (
	// defaultValidity is that of a generated certificate.
	defaultValidity = 10 * 365 * 24 * time.Hour
	// clockDifference is how far back it begins, for registries whose clock is behind.
	clockDifference = time.Hour
)

// SelfSigned returns the same key with a new self-signed certificate, valid from an hour ago until
// validFor from now. It renews a certificate and keeps the key: registries that have the old one
// in their bundle need the new one too, and find both by the same kid. An empty commonName stands
// for a generated one. The certificate is not a CA, so trusting it trusts nothing but this key.
func (k *Key) SelfSigned(commonName string, validFor time.Duration) (*Key, error) {
	now := time.Now()
	return k.certified(nil, &x509.Certificate{
		Subject:   pkix.Name{CommonName: commonName},
		NotBefore: now.Add(-clockDifference),
		NotAfter:  now.Add(validFor),
		KeyUsage:  x509.KeyUsageDigitalSignature,
	})
}

// certified returns the same key with a new certificate, which the parent signs, or the key
// itself.
func (k *Key) certified(parent *Key, template *x509.Certificate) (certified *Key, err error) {
	if !k.CanSign() {
		return nil, fmt.Errorf("create certificate: %w", errPublicOnly)
	}
	if !template.NotAfter.After(template.NotBefore.Add(clockDifference)) {
		return nil, fmt.Errorf("create certificate: the validity is not positive")
	}
	defer func() {
		if r := recover(); r != nil { // as when a token is signed
			certified, err = nil, fmt.Errorf("create certificate: the signer panicked: %v", r)
		}
	}()
	template.BasicConstraintsValid = true
	if template.Subject.CommonName == "" {
		template.Subject.CommonName = "registry token signing key " + k.id[:8]
	}
	issuer, signer := template, k.signer
	if parent != nil {
		issuer, signer = parent.chain[0], parent.signer
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, k.public, signer)
	if err != nil {
		return nil, fmt.Errorf("create certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("create certificate: %w", err)
	}
	renewed := *k
	renewed.authority, renewed.signsUntil = nil, time.Time{}
	renewed.chain = []*x509.Certificate{certificate}
	if parent != nil {
		renewed.chain = append(renewed.chain, parent.chain...)
	}
	return renewed.withSigner(k.signer) // the x5c header has changed
}

// CertificatePEM returns the certificates of the key as PEM, its own first, or nothing.
func (k *Key) CertificatePEM() []byte { return encodeCertificates(k.chain) }

func encodeCertificates(chain []*x509.Certificate) (out []byte) {
	for _, c := range chain {
		block := &pem.Block{Type: blockCertificate, Bytes: c.Raw}
		out = append(out, pem.EncodeToMemory(block)...)
	}
	return out
}

// checkChain checks that the first certificate is of the key and that each is signed by the next.
func checkChain(public crypto.PublicKey, chain []*x509.Certificate) error {
	for i, c := range chain {
		if c == nil {
			return fmt.Errorf("%w: certificate %d is nil", errBadCertificate, i+1)
		}
		if i == 0 {
			continue
		}
		if err := chain[i-1].CheckSignatureFrom(c); err != nil {
			return fmt.Errorf("%w: certificate %d is not signed by the next one: %w",
				errBadCertificate, i, err)
		}
	}
	if len(chain) > 0 && !sameKey(public, chain[0].PublicKey) {
		return fmt.Errorf("%w: the certificate %q is of another key", errKeyMismatch, chain[0].Subject)
	}
	return nil
}

// checkValidity checks that all certificates are valid now, as registries do for every token.
func checkValidity(chain []*x509.Certificate, now time.Time) error {
	for _, c := range chain {
		if now.Before(c.NotBefore) || now.After(c.NotAfter) {
			return fmt.Errorf("%w: %q is valid from %s to %s", errBadCertificate,
				c.Subject, timestamp(c.NotBefore), timestamp(c.NotAfter))
		}
	}
	return nil
}

// sameKey compares two public keys. All of the standard library's have the method.
func sameKey(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
