package token_test

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

func generateAuthority(tb testing.TB) *token.Authority {
	tb.Helper()
	authority, err := token.GenerateAuthority("")
	if err != nil {
		tb.Fatal(err)
	}
	return authority
}

func rootsOf(authority *token.Authority) *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(authority.Certificate())
	return roots
}

func TestAGeneratedAuthorityCertifiesKeysAndNothingElse(t *testing.T) {
	for _, algorithm := range algorithms {
		t.Run(string(algorithm), func(t *testing.T) {
			authority, err := token.GenerateAuthority(algorithm)
			if err != nil {
				t.Fatal(err)
			}
			certificate := authority.Certificate()
			if !certificate.IsCA || certificate.KeyUsage != x509.KeyUsageCertSign ||
				!certificate.MaxPathLenZero {
				t.Errorf("CA: %v, usage: %v, path length 0: %v",
					certificate.IsCA, certificate.KeyUsage, certificate.MaxPathLenZero)
			}
			key, err := authority.GenerateKey("", time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			chain := key.Certificates()
			if key.Algorithm() != token.ES256 || len(chain) != 2 || !chain[1].Equal(certificate) {
				t.Fatalf("made %v with %d certificates", key, len(chain))
			}
			leaf := chain[0]
			if leaf.IsCA || !leaf.BasicConstraintsValid ||
				leaf.KeyUsage != x509.KeyUsageDigitalSignature {
				t.Errorf("the key's certificate is of a CA: %v, usage %v", leaf.IsCA, leaf.KeyUsage)
			}
			if life := time.Until(leaf.NotAfter); life > time.Hour || life < 59*time.Minute {
				t.Errorf("valid for %v", life)
			}
			_, err = leaf.Verify(x509.VerifyOptions{
				Roots: rootsOf(authority), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
			})
			if err != nil {
				t.Errorf("a registry refuses it: %v", err)
			}
		})
	}
}

func TestAKeyDoesNotOutliveItsAuthority(t *testing.T) {
	ca := newAuthority(t, "ca", nil) // for a year
	signing, err := token.NewKey(ca.signer, ca.certificate)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := token.NewAuthority(signing)
	if err != nil {
		t.Fatal(err)
	}
	key, err := authority.GenerateKey("", 10*365*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if end := key.Certificates()[0].NotAfter; !end.Equal(ca.certificate.NotAfter) {
		t.Errorf("ends at %v, the authority at %v", end, ca.certificate.NotAfter)
	}
}

func TestAnAuthorityIsKeptInPEM(t *testing.T) {
	authority := generateAuthority(t)
	keyPEM, err := authority.PrivateKeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	read, err := token.ParseKey(keyPEM, authority.CertificatePEM())
	if err != nil {
		t.Fatal(err)
	}
	again, err := token.NewAuthority(read)
	if err != nil {
		t.Fatal(err)
	}
	key, err := again.GenerateKey("", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := key.Certificates()[0].CheckSignatureFrom(authority.Certificate()); err != nil {
		t.Errorf("another authority was read: %v", err)
	}
	if warnings := again.Warnings(); len(warnings) != 0 {
		t.Errorf("warnings %q", warnings)
	}
}

func TestAnAuthorityWarnsOfAFileThatAllUsersCanRead(t *testing.T) {
	authority := generateAuthority(t)
	keyPEM, err := authority.PrivateKeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "authority.pem")
	data := slices.Concat(keyPEM, authority.CertificatePEM())
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	key, err := token.LoadKey(file, "")
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := token.NewAuthority(key)
	if err != nil {
		t.Fatal(err)
	}
	if warnings := loaded.Warnings(); len(warnings) != 1 ||
		!strings.Contains(warnings[0], "all users") {
		t.Errorf("warnings %q", warnings)
	}
}

func TestNewAuthorityRefuses(t *testing.T) {
	ca := newAuthority(t, "ca", nil)
	other := generateECDSA(t)
	certify := func(change func(*x509.Certificate)) *x509.Certificate {
		return ca.leaf(t, other, func(c *x509.Certificate) {
			c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
			change(c)
		})
	}
	tests := []struct {
		name        string
		certificate *x509.Certificate
		want        error
	}{
		{"nothing, below another authority", certify(func(*x509.Certificate) {}), nil},
		{"a certificate that is not of a CA", ca.leaf(t, other, nil), token.ErrBadCertificate},
		{
			"a CA that must not sign certificates",
			certify(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }),
			token.ErrBadCertificate,
		},
		{
			"an expired one",
			certify(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
			token.ErrBadCertificate,
		},
		{"one of another key", ca.certificate, token.ErrKeyMismatch},
		{"nil", nil, token.ErrBadCertificate},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			key, err := token.NewKey(other, test.certificate)
			var authority *token.Authority
			if err == nil {
				authority, err = token.NewAuthority(key)
			}
			if !errors.Is(err, test.want) || (err == nil) != (authority != nil) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
	private := newForger(t, generateKey(t, token.ES256)).signer
	key, err := token.NewKey(private)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := token.NewAuthority(key); !errors.Is(err, token.ErrBadCertificate) {
		t.Errorf("without a certificate: %v", err)
	}
	for _, key := range []*token.Key{nil, publicKey(t, generateKey(t, token.ES256))} {
		if _, err := token.NewAuthority(key); !errors.Is(err, token.ErrPublicOnly) {
			t.Errorf("%v: %v", key, err)
		}
	}
}
