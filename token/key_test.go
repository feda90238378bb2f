package token_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

var algorithms = []token.Algorithm{token.ES256, token.ES384, token.ES512, token.EdDSA, token.RS256}

func TestGeneratedKeysWorkEverywhere(t *testing.T) {
	for _, algorithm := range algorithms {
		t.Run(string(algorithm), func(t *testing.T) {
			key := generateKey(t, algorithm)
			if key.Algorithm() != algorithm || !key.CanSign() {
				t.Errorf("made %v", key)
			}
			chain := key.Certificates()
			if len(chain) != 1 {
				t.Fatalf("%d certificates", len(chain))
			}
			certificate := chain[0]
			if certificate.IsCA || certificate.NotBefore.After(time.Now().Add(-30*time.Minute)) ||
				certificate.NotAfter.Before(time.Now().Add(9*365*24*time.Hour)) {
				t.Errorf("a certificate from %v to %v, CA: %v",
					certificate.NotBefore, certificate.NotAfter, certificate.IsCA)
			}
			if !strings.Contains(certificate.Subject.CommonName, key.ID()[:8]) {
				t.Errorf("the certificate's name is %q", certificate.Subject.CommonName)
			}
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(newKeySet(t, key).BundlePEM())
			_, err := certificate.Verify(x509.VerifyOptions{
				Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
			})
			if err != nil {
				t.Errorf("a registry with the bundle refuses the certificate: %v", err)
			}
			if warnings := key.Warnings(); algorithm != token.EdDSA && len(warnings) != 0 {
				t.Errorf("warnings: %q", warnings)
			}
		})
	}
}

func TestTheDefaultAlgorithmIsES256(t *testing.T) {
	if key := generateKey(t, ""); key.Algorithm() != token.ES256 {
		t.Errorf("made %v", key)
	}
	for _, algorithm := range []token.Algorithm{"HS256", "none", "PS256", "es256"} {
		if _, err := token.GenerateKey(algorithm); !errors.Is(err, token.ErrUnsupportedKey) {
			t.Errorf("%s: error %v", algorithm, err)
		}
	}
}

// In docker_auth and distribution the id was computed from the curve alone, the same for all keys.
func TestTwoKeysHaveDifferentIDs(t *testing.T) {
	for _, algorithm := range []token.Algorithm{token.ES256, token.EdDSA} {
		first, second := generateKey(t, algorithm), generateKey(t, algorithm)
		if first.ID() == second.ID() || first.LibtrustID() == second.LibtrustID() ||
			first.ID() == "" || first.LibtrustID() == "" {
			t.Errorf("%s: the ids are %q and %q, and libtrust's %q and %q",
				algorithm, first.ID(), second.ID(), first.LibtrustID(), second.LibtrustID())
		}
	}
}

// One fresh P-256 key in 128 has such a coordinate, so with 1000 keys this fails with near
// certainty if they are kept.
func TestGeneratedKeysHaveNoLeadingZero(t *testing.T) {
	for range 1000 {
		key := generateKey(t, token.ES256)
		public, ok := key.Public().(*ecdsa.PublicKey)
		if !ok {
			t.Fatalf("a public key of type %T", key.Public())
		}
		point, err := public.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if point[1] == 0 || point[33] == 0 {
			t.Fatal("a coordinate begins with a zero byte")
		}
	}
}

func TestUnsupportedKeysAreRefused(t *testing.T) {
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	modulus := func(bits int) *big.Int { return new(big.Int).SetBit(big.NewInt(1), bits-1, 1) }
	offCurve := generateECDSA(t).PublicKey
	offCurve.Curve = elliptic.P384()
	tests := []struct {
		name   string
		public crypto.PublicKey
	}{
		{"P-224", p224.Public()},
		{"RSA of 1024 bits", &rsa.PublicKey{N: modulus(1024), E: 65537}},
		{"RSA of 2047 bits", &rsa.PublicKey{N: modulus(2047), E: 65537}},
		{"RSA of 4097 bits", &rsa.PublicKey{N: modulus(4097), E: 65537}},
		{"RSA with the exponent 1", &rsa.PublicKey{N: modulus(2048), E: 1}},
		{"RSA with the exponent 3", &rsa.PublicKey{N: modulus(2048), E: 3}},
		{"RSA with an even exponent", &rsa.PublicKey{N: modulus(2048), E: 65538}},
		{"RSA without a modulus", &rsa.PublicKey{E: 65537}},
		{"a point that is not on the curve", &offCurve},
		{"ECDSA without a curve", &ecdsa.PublicKey{}},
		{"a short Ed25519 key", ed25519.PublicKey(make([]byte, 31))},
		{"a symmetric key", []byte("secret")},
		{"nil", nil},
		{"a nil pointer", (*ecdsa.PublicKey)(nil)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			key, err := token.NewPublicKey(test.public)
			if !errors.Is(err, token.ErrUnsupportedKey) || key != nil {
				t.Errorf("%v, error %v", key, err)
			}
		})
	}
}

// fakeSigner is a device with a fault.
type fakeSigner struct {
	public crypto.PublicKey
	sign   func(io.Reader, []byte, crypto.SignerOpts) ([]byte, error)
}

func (s fakeSigner) Public() crypto.PublicKey { return s.public }
func (s fakeSigner) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.sign(r, digest, opts)
}

func TestAFaultySignerFailsAtStart(t *testing.T) {
	one, other := generateECDSA(t), generateECDSA(t)
	down := errors.New("the device is gone")
	tests := []struct {
		name string
		sign func(io.Reader, []byte, crypto.SignerOpts) ([]byte, error)
		want error
	}{
		{"that signs with another key", other.Sign, token.ErrKeyMismatch},
		{
			"that answers with an error",
			func(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, down }, down,
		},
		{
			"that panics",
			func(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { panic("bug") }, nil,
		},
		{
			"that answers with nothing",
			func(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, nil }, nil,
		},
		{
			"that answers with junk",
			func(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
				return make([]byte, 64), nil
			},
			nil,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			key, err := token.NewKey(fakeSigner{one.Public(), test.sign})
			if err == nil || key != nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("%v, error %v", key, err)
			}
		})
	}
	if _, err := token.NewKey(fakeSigner{one.Public(), one.Sign}); err != nil {
		t.Errorf("a signer without fault: %v", err)
	}
	if _, err := token.NewKey(nil); !errors.Is(err, token.ErrBadSigner) {
		t.Errorf("no signer: error %v", err)
	}
}

// panickingSigner is a driver with a bug.
type panickingSigner struct{ fakeSigner }

func (panickingSigner) Public() crypto.PublicKey { panic("bug") }

func TestAUselessSignerIsRefused(t *testing.T) {
	private := generateECDSA(t)
	tests := map[string]crypto.Signer{
		"nil":                                nil,
		"a nil *ecdsa.PrivateKey":            (*ecdsa.PrivateKey)(nil),
		"a nil *rsa.PrivateKey":              (*rsa.PrivateKey)(nil),
		"a nil ed25519.PrivateKey":           ed25519.PrivateKey(nil),
		"an empty ed25519.PrivateKey":        ed25519.PrivateKey{},
		"half an ed25519.PrivateKey":         make(ed25519.PrivateKey, 32),
		"an empty ecdsa.PrivateKey":          &ecdsa.PrivateKey{},
		"an ecdsa.PrivateKey with no secret": &ecdsa.PrivateKey{PublicKey: private.PublicKey},
		"an empty rsa.PrivateKey":            &rsa.PrivateKey{},
		"one whose Public panics":            panickingSigner{},
		"one without a public key":           fakeSigner{nil, private.Sign},
		"one with a nil public key":          fakeSigner{(*ecdsa.PublicKey)(nil), private.Sign},
	}
	for name, signer := range tests {
		t.Run(name, func(t *testing.T) {
			if key, err := token.NewKey(signer); !errors.Is(err, token.ErrKey) || key != nil {
				t.Errorf("%v, error %v", key, err)
			}
		})
	}
}

// Devices may need it, or take nil for a mistake.
func TestASignerOfAnotherKindIsGivenRandomness(t *testing.T) {
	private := generateECDSA(t)
	sign := func(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
		if r != rand.Reader {
			t.Errorf("the signer is given %v", r)
		}
		return private.Sign(r, digest, opts)
	}
	if _, err := token.NewKey(fakeSigner{private.Public(), sign}); err != nil {
		t.Fatal(err)
	}
}

func TestCertificateChainsAreChecked(t *testing.T) {
	root := newAuthority(t, "root", nil)
	ca := newAuthority(t, "intermediate", root)
	private := generateECDSA(t)
	leaf := ca.leaf(t, private, nil)
	expired := ca.leaf(
		t, private, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) },
	)
	future := ca.leaf(
		t, private, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) },
	)
	stranger := ca.leaf(t, generateECDSA(t), nil)
	tests := []struct {
		name       string
		chain      []*x509.Certificate
		signing    error
		publicOnly error
	}{
		{"none", nil, nil, nil},
		{"the leaf alone", []*x509.Certificate{leaf}, nil, nil},
		{"leaf, intermediate", []*x509.Certificate{leaf, ca.certificate}, nil, nil},
		{
			"leaf, intermediate, root",
			[]*x509.Certificate{leaf, ca.certificate, root.certificate},
			nil, nil,
		},
		{
			"intermediate first",
			[]*x509.Certificate{ca.certificate, leaf},
			token.ErrBadCertificate, token.ErrBadCertificate,
		},
		{
			"the intermediate missing",
			[]*x509.Certificate{leaf, root.certificate},
			token.ErrBadCertificate, token.ErrBadCertificate,
		},
		{
			"a leaf of another key",
			[]*x509.Certificate{stranger},
			token.ErrKeyMismatch,
			token.ErrKeyMismatch,
		},
		{
			"only the intermediate",
			[]*x509.Certificate{ca.certificate},
			token.ErrKeyMismatch,
			token.ErrKeyMismatch,
		},
		{
			"below a leaf",
			[]*x509.Certificate{leaf, leaf},
			token.ErrBadCertificate,
			token.ErrBadCertificate,
		},
		{"an expired leaf", []*x509.Certificate{expired}, token.ErrBadCertificate, nil},
		{"a leaf of the future", []*x509.Certificate{future}, token.ErrBadCertificate, nil},
		{"nil", []*x509.Certificate{nil}, token.ErrBadCertificate, token.ErrBadCertificate},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := token.NewKey(private, test.chain...); !errors.Is(err, test.signing) {
				t.Errorf("signing: error %v, want %v", err, test.signing)
			}
			_, err := token.NewPublicKey(private.Public(), test.chain...)
			if !errors.Is(err, test.publicOnly) {
				t.Errorf("public only: error %v, want %v", err, test.publicOnly)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	private := newForger(t, generateKey(t, token.ES256)).signer // without a leading zero
	ca := newAuthority(t, "ca", nil)
	soon := ca.leaf(
		t, private, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(7 * 24 * time.Hour) },
	)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	zero, err := token.ParseKey(testdata(t, "p256-leading-zero.pem"), nil)
	if err != nil {
		t.Fatal(err)
	}
	mustKey := func(signer crypto.Signer, chain ...*x509.Certificate) *token.Key {
		key, err := token.NewKey(signer, chain...)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	tests := []struct {
		name string
		key  *token.Key
		want []string
	}{
		{"nothing wrong", mustKey(private, ca.leaf(t, private, nil)), nil},
		{"no certificate", mustKey(private), []string{"no certificate"}},
		{"a certificate that ends in a week", mustKey(private, soon), []string{"expires at"}},
		{"Ed25519", mustKey(ed), []string{"no certificate", "Ed25519"}},
		{"a leading zero", zero, []string{"no certificate", "zero byte"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			warnings := test.key.Warnings()
			if len(warnings) != len(test.want) {
				t.Fatalf("warnings %q", warnings)
			}
			for i, want := range test.want {
				if !strings.Contains(warnings[i], want) {
					t.Errorf("warning %q, want one about %q", warnings[i], want)
				}
			}
		})
	}
}

func TestARenewedCertificateKeepsTheKey(t *testing.T) {
	key := generateKey(t, token.ES256)
	renewed, err := key.SelfSigned("auth.example.com", 48*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	certificate := renewed.Certificates()[0]
	if renewed.ID() != key.ID() || certificate.Equal(key.Certificates()[0]) ||
		certificate.Subject.CommonName != "auth.example.com" {
		t.Errorf("renewed %v with %q", renewed, certificate.Subject)
	}
	if life := time.Until(certificate.NotAfter); life < 47*time.Hour || life > 48*time.Hour {
		t.Errorf("valid for %v", life)
	}
	if _, err := key.SelfSigned("", 0); err == nil {
		t.Error("no error for a validity of nothing")
	}
	public, err := token.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := public.SelfSigned("", time.Hour); !errors.Is(err, token.ErrPublicOnly) {
		t.Errorf("without a private key: error %v", err)
	}
}

func TestAKeyDoesNotPrintItsPrivatePart(t *testing.T) {
	private := generateECDSA(t)
	key, err := token.NewKey(private)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&b, verb+verb+verb, key, *key, newKeySet(t, key))
	}
	logger := slog.New(slog.NewTextHandler(&b, nil))
	logger.Info("loaded", slog.Any("key", key), slog.Any("value", *key))
	if want := "ES256 key " + key.ID(); !strings.Contains(b.String(), want) {
		t.Errorf("%q is not printed", want)
	}
	scalar, err := private.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	d := new(big.Int).SetBytes(scalar)
	for _, secret := range []string{d.String(), d.Text(16), fmt.Sprintf("%d", scalar)} {
		if strings.Contains(b.String(), secret) {
			t.Error("the private key is printed")
		}
	}
}
