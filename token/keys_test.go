package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

func generateKey(tb testing.TB, algorithm token.Algorithm) *token.Key {
	tb.Helper()
	key, err := token.GenerateKey(algorithm)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func newKeySet(tb testing.TB, signing *token.Key, others ...*token.Key) *token.KeySet {
	tb.Helper()
	keys, err := token.NewKeySet(signing, others...)
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

func generateECDSA(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return private
}

func testdata(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// authority is a certificate with its key.
type authority struct {
	certificate *x509.Certificate
	signer      crypto.Signer
}

// newAuthority returns a CA, below parent unless that is nil.
func newAuthority(tb testing.TB, name string, parent *authority) *authority {
	tb.Helper()
	private := generateECDSA(tb)
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(365 * 24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	return &authority{certify(tb, template, parent, private), private}
}

// leaf returns a certificate for signer below the authority, changed by change unless that is nil.
func (a *authority) leaf(
	tb testing.TB, signer crypto.Signer, change func(*x509.Certificate),
) *x509.Certificate {
	tb.Helper()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "token signer"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(90 * 24 * time.Hour),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
	}
	if change != nil {
		change(template)
	}
	return certify(tb, template, a, signer)
}

// certify signs the template with the issuer's key, or with the subject's own when there is no
// issuer.
func certify(
	tb testing.TB, template *x509.Certificate, issuer *authority, subject crypto.Signer,
) *x509.Certificate {
	tb.Helper()
	if issuer == nil {
		issuer = &authority{template, subject}
	}
	der, err := x509.CreateCertificate(
		rand.Reader, template, issuer.certificate, subject.Public(), issuer.signer,
	)
	if err != nil {
		tb.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return certificate
}

// privateKey reads PKCS #8 with the standard library alone.
func privateKey(tb testing.TB, data []byte) crypto.Signer {
	tb.Helper()
	block, _ := pem.Decode(data)
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		tb.Fatal(err)
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		tb.Fatalf("%T cannot sign", private)
	}
	return signer
}

func newVerifierAt(tb testing.TB, keys *token.KeySet, now func() time.Time) *token.Verifier {
	tb.Helper()
	verifier, err := token.NewVerifier(token.VerifierConfig{
		Issuer: issuerName, Audience: service, Keys: keys, Now: now,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return verifier
}
