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
	defaultValidity = 10 * 365 * 24 * time.Hour
	clockDifference = time.Hour // certificates begin earlier, for registries whose clock is behind
)

// SelfSigned returns the same key with a new self-signed certificate, valid from an hour ago until
// validFor from now. Registries that have the old one in their bundle need the new one too, and
// find both by the same kid. An empty commonName stands for a generated one. The certificate is
// not a CA, so trusting it trusts nothing but this key.
func (k *Key) SelfSigned(commonName string, validFor time.Duration) (*Key, error) {
	subject := pkix.Name{CommonName: commonName}
	template := &x509.Certificate{Subject: subject, KeyUsage: x509.KeyUsageDigitalSignature}
	return k.certified(nil, template, time.Now(), validFor)
}

// certified returns the same key with a new certificate, which the parent signs, or the key
// itself. The certificate does not outlive that of the parent.
func (k *Key) certified(
	parent *Key, template *x509.Certificate, now time.Time, validFor time.Duration,
) (certified *Key, err error) {
	switch {
	case !k.CanSign():
		return nil, fmt.Errorf("create certificate: %w", errPublicOnly)
	case validFor <= 0:
		return nil, fmt.Errorf("create certificate: the validity is %v, not positive", validFor)
	}
	defer func() {
		if r := recover(); r != nil { // as when a token is signed
			certified, err = nil, fmt.Errorf("create certificate: the signer panicked: %v", r)
		}
	}()
	template.BasicConstraintsValid = true
	template.NotBefore, template.NotAfter = now.Add(-clockDifference), now.Add(validFor)
	if template.Subject.CommonName == "" {
		template.Subject.CommonName = "registry token signing key " + k.id[:8]
	}
	issuer, signer, above := template, k.signer, []*x509.Certificate(nil)
	if parent != nil {
		issuer, signer, above = parent.chain[0], parent.signer, parent.chain
		if issuer.NotAfter.Before(template.NotAfter) {
			template.NotAfter = issuer.NotAfter
		}
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
	renewed.chain = append([]*x509.Certificate{certificate}, above...)
	return renewed.withSigner(k.signer) // the x5c header has changed
}

// CertificatePEM returns the certificates of the key as PEM, its own first, or nothing.
func (k *Key) CertificatePEM() []byte { return encodeCertificates(k.chain) }

func encodeCertificates(chain []*x509.Certificate) (out []byte) {
	for _, c := range chain {
		block := &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}
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
		if i > 0 && chain[i-1].CheckSignatureFrom(c) != nil {
			return fmt.Errorf("%w: %q did not sign the one before", errBadCertificate, c.Subject)
		}
	}
	if len(chain) == 0 {
		return nil
	}
	// All public keys of the standard library have this method.
	key, ok := public.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !key.Equal(chain[0].PublicKey) {
		return fmt.Errorf("%w: %q is of another key", errKeyMismatch, chain[0].Subject)
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

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
