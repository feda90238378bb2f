package token_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/token"
)

// Computed from the files with openssl and Python, see testdata/README.md.
const (
	p256Thumbprint        = "fRyVr2lq9GQrW6rnQOPuOdf_B8mI3n7baOwTb8TEgYI"
	p256LibtrustID        = "D2E4:XKJF:APWZ:ZMQW:YEXN:6XDK:DJQV:56D3:BIZT:2BBR:MWRP:H2OS"
	leadingZeroThumbprint = "7RKMHO1x7ovKos5FJQqBsKVc_SDeKSfrJwFzinZvfkw"
	ed25519Thumbprint     = "lSjJkOEkYmOYu3KefI6Q8JRfm8DyRujJV_D0r7PrKdA"
)

func TestParseKeyReadsWhatOpenSSLWrites(t *testing.T) {
	tests := []struct {
		key, certificate string
		algorithm        token.Algorithm
		id               string // "" where it was not computed
	}{
		{"p256-sec1-parameters.pem", "", token.ES256, p256Thumbprint},
		{"p256-sec1.pem", "", token.ES256, p256Thumbprint},
		{"p256-pkcs8.pem", "", token.ES256, p256Thumbprint},
		{"p256-pkcs8.pem", "p256-cert.pem", token.ES256, p256Thumbprint},
		{"p256-leading-zero.pem", "", token.ES256, leadingZeroThumbprint},
		{"p384-sec1-parameters.pem", "", token.ES384, ""},
		{"p521-sec1-parameters.pem", "", token.ES512, ""},
		{"ed25519-pkcs8.pem", "ed25519-cert.pem", token.EdDSA, ed25519Thumbprint},
		{"rsa2048-pkcs1.pem", "", token.RS256, ""},
		{"rsa2048-pkcs8.pem", "", token.RS256, ""},
	}
	for _, test := range tests {
		t.Run(test.key+" "+test.certificate, func(t *testing.T) {
			var certificates []byte
			if test.certificate != "" {
				certificates = testdata(t, test.certificate)
			}
			key, err := token.ParseKey(testdata(t, test.key), certificates)
			if err != nil {
				t.Fatal(err)
			}
			if key.Algorithm() != test.algorithm || test.id != "" && key.ID() != test.id {
				t.Errorf("read %v, want %s %s", key, test.algorithm, test.id)
			}
			if !bytes.Equal(key.CertificatePEM(), certificates) {
				t.Errorf("certificates\n%s", key.CertificatePEM())
			}
		})
	}
}

func TestLibtrustID(t *testing.T) {
	key, err := token.ParseKey(testdata(t, "p256-sec1.pem"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if key.LibtrustID() != p256LibtrustID {
		t.Errorf("id %s, want %s", key.LibtrustID(), p256LibtrustID)
	}
}

func TestParseKeyRefuses(t *testing.T) {
	key, certificate := testdata(t, "p256-pkcs8.pem"), testdata(t, "p256-cert.pem")
	other := testdata(t, "ed25519-pkcs8.pem")
	join := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	tests := []struct {
		name             string
		key, certificate []byte
		want             error
		text             string
	}{
		{"nothing", nil, nil, nil, "no PEM data"},
		{"no PEM", []byte("hello"), nil, nil, "no PEM data"},
		{
			"an encrypted PKCS #8 key", testdata(t, "p256-pkcs8-encrypted.pem"), nil,
			token.ErrEncryptedKey, "decrypt it first",
		},
		{
			"an encrypted SEC 1 key", testdata(t, "p256-sec1-encrypted.pem"), nil,
			token.ErrEncryptedKey, "decrypt it first",
		},
		{"P-224", testdata(t, "p224-sec1.pem"), nil, token.ErrUnsupportedKey, "P-224"},
		{
			"RSA of 1024 bits", testdata(t, "rsa1024-pkcs8.pem"), nil, token.ErrUnsupportedKey,
			"1024",
		},
		{
			"X25519, which cannot sign", testdata(t, "x25519-pkcs8.pem"), nil,
			token.ErrUnsupportedKey, "cannot sign",
		},
		{"two private keys", join(key, other), nil, nil, "more than one private key"},
		{"the same private key twice", join(key, key), nil, nil, "more than one private key"},
		{"a certificate and no key", certificate, nil, nil, "no private key"},
		{
			"the parameters and no key",
			bytes.SplitAfter(testdata(t, "p256-sec1-parameters.pem"), []byte("TERS-----\n"))[0],
			nil, nil, "",
		},
		{"a key that is cut off", key[:len(key)-30], nil, token.ErrPEM, "truncated"},
		{
			"a damaged block before the key",
			join([]byte("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"), key), nil,
			nil, "damaged",
		},
		{
			"junk in the block",
			[]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), nil, nil,
			"parse private key",
		},
		{
			"junk in the certificate",
			join(key, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
			nil, token.ErrBadCertificate, "",
		},
		{"a certificate of another key", other, certificate, token.ErrKeyMismatch, "another key"},
		{
			"a private key among the certificates", key, join(certificate, key), nil,
			"among certificates",
		},
		{
			"certificates in both places", join(key, certificate), certificate, nil,
			"and in a file of their own",
		},
		{"a certificate file without PEM", key, []byte("hello"), nil, "no PEM data"},
		{
			"a public key", []byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
			nil, nil, "unexpected block",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := token.ParseKey(test.key, test.certificate)
			if err == nil || got != nil {
				t.Fatalf("read %v, error %v", got, err)
			}
			if test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			if !strings.Contains(err.Error(), test.text) {
				t.Errorf("error %q does not say %q", err, test.text)
			}
		})
	}
}

func TestTheChainMayFollowTheKey(t *testing.T) {
	ca := newAuthority(t, "ca", nil)
	private := generateECDSA(t)
	want, err := token.NewKey(private, ca.leaf(t, private, nil), ca.certificate)
	if err != nil {
		t.Fatal(err)
	}
	privatePEM, err := want.PrivateKeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	got, err := token.ParseKey(
		slices.Concat(privatePEM, []byte("a comment\n"), want.CertificatePEM()), nil,
	)
	if err != nil {
		t.Fatal(err)
	}
	if got.ID() != want.ID() || len(got.Certificates()) != 2 ||
		!bytes.Equal(got.CertificatePEM(), want.CertificatePEM()) {
		t.Errorf("read %v with %d certificates", got, len(got.Certificates()))
	}
}

func TestKeysSurviveTheirPEM(t *testing.T) {
	for _, algorithm := range algorithms {
		t.Run(string(algorithm), func(t *testing.T) {
			want := generateKey(t, algorithm)
			privatePEM, err := want.PrivateKeyPEM()
			if err != nil {
				t.Fatal(err)
			}
			got, err := token.ParseKey(privatePEM, want.CertificatePEM())
			if err != nil || got.ID() != want.ID() {
				t.Errorf("read %v, %v, want %v", got, err, want)
			}
		})
	}
}

func TestAKeyInADeviceHasNoPEM(t *testing.T) {
	private := generateECDSA(t)
	device, err := token.NewKey(fakeSigner{private.Public(), private.Sign})
	if err != nil {
		t.Fatal(err)
	}
	public, err := token.NewPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []*token.Key{device, public} {
		if data, err := key.PrivateKeyPEM(); !errors.Is(err, token.ErrPublicOnly) || data != nil {
			t.Errorf("error %v", err)
		}
	}
}

func TestLoadKey(t *testing.T) {
	keyFile := filepath.Join(t.TempDir(), "auth.key")
	certFile := filepath.Join("testdata", "p256-cert.pem")
	write := func(data []byte, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(keyFile, data, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(keyFile, mode); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := token.LoadKey(keyFile, certFile); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: error %v", err)
	}
	write(testdata(t, "p256-pkcs8.pem"), 0o600)
	_, err := token.LoadKey(keyFile, filepath.Join(t.TempDir(), "none"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing certificate: error %v", err)
	}
	if _, err := token.LoadKey(keyFile, os.DevNull); err == nil {
		t.Error("an empty certificate file: no error")
	}
	key, err := token.LoadKey(keyFile, certFile)
	if err != nil || key.ID() != p256Thumbprint || len(key.Certificates()) != 1 ||
		len(key.Warnings()) != 0 {
		t.Fatalf("loaded %v, %v, warnings %q", key, err, key.Warnings())
	}
	write(testdata(t, "p256-pkcs8.pem"), 0o644)
	key, err = token.LoadKey(keyFile, certFile)
	if err != nil || len(key.Warnings()) != 1 || !strings.Contains(key.Warnings()[0], "all users") {
		t.Errorf("readable by all: %v, warnings %q", err, key.Warnings())
	}
	write(nil, 0o600)
	if _, err := token.LoadKey(keyFile, certFile); err == nil ||
		!strings.Contains(err.Error(), keyFile) {
		t.Errorf("an empty file: error %v", err)
	}
}
