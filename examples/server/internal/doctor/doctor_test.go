package doctor

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

var update = flag.Bool("update", false, "write testdata/*.want")

// The token server of the tests.
const (
	testIssuer  = "auth.test"
	testService = "registry.test"
)

func testEndpoints() []string { return []string{"/auth", "/auth/token"} }

// TestFindings runs over the configurations in testdata. The expected findings are in a file beside
// each.
func TestFindings(t *testing.T) {
	es256 := newKey(t, token.ES256)
	ed25519, rsa := newKey(t, token.EdDSA), newKey(t, token.RS256)
	ca := expiredCA(t)
	bare := func(k *token.Key) *token.Key { return withoutCertificate(t, k) }
	tests := []struct {
		name     string // of the expected findings
		config   string
		key      *token.Key // es256 if nil
		libtrust bool
		services []string // testService if nil
		any      bool     // any service
		version  string
		url      string
	}{
		{name: "good", config: "good.yml"},
		{name: "good-for-any-service", config: "good.yml", any: true},
		{name: "good-rsa", config: "good.yml", key: rsa},
		{name: "good-2.8", config: "good.yml", version: "2.8"},
		{name: "wrong-issuer", config: "wrong-issuer.yml"},
		{name: "unknown-service", config: "unknown-service.yml"},
		{
			name: "unknown-service-of-two", config: "unknown-service.yml",
			services: []string{testService, "other.test"},
		},
		{name: "other-bundle", config: "other-bundle.yml"},
		{name: "old-certificate", config: "old-certificate.yml"},
		{name: "missing-bundle", config: "missing-bundle.yml"},
		{name: "empty-bundle", config: "empty-bundle.yml"},
		{name: "expired-ca", config: "expired-bundle.yml", key: certifiedBy(t, es256, ca)},
		{name: "no-bundle", config: "no-bundle.yml", key: bare(es256)},
		{name: "jwks-and-x5c", config: "jwks-only.yml"},
		{name: "jwks-without-x5c", config: "jwks-only.yml", key: bare(es256)},
		{name: "jwks-without-x5c-3.1", config: "jwks-only.yml", key: bare(es256), version: "3.1"},
		{name: "jwks-of-another-key", config: "jwks-of-another-key.yml", key: bare(es256)},
		{name: "bundle-and-other-jwks", config: "bundle-and-other-jwks.yml"},
		{name: "kid-only", config: "good.yml", key: bare(es256)},
		{name: "kid-only-rsa", config: "good.yml", key: bare(rsa)},
		{name: "kid-only-libtrust", config: "good.yml", key: bare(es256), libtrust: true},
		{
			name: "kid-only-libtrust-3.1", config: "good.yml", key: bare(es256), libtrust: true,
			version: "3.1",
		},
		{name: "ed25519", config: "good.yml", key: ed25519},
		{name: "ed25519-2.8", config: "good.yml", key: ed25519, version: "2.8"},
		{name: "leading-zero", config: "good.yml", key: newKeyWithZero(t)},
		{name: "signing-algorithms", config: "signing-algorithms.yml"},
		{name: "signing-algorithms-with-ours", config: "signing-algorithms.yml", key: rsa},
		{name: "autoredirect", config: "autoredirect.yml"},
		{name: "autoredirect-elsewhere", config: "autoredirect-elsewhere.yml"},
		{name: "autoredirect-2.8", config: "autoredirect-elsewhere.yml", version: "2.8"},
		{name: "signing-algorithms-2.8", config: "signing-algorithms.yml", version: "2.8"},
		{name: "loopback-realm", config: "loopback-realm.yml"},
		{name: "private-realm", config: "private-realm.yml"},
		{name: "own-address-realm", config: "own-address-realm.yml"},
		{name: "wrong-path", config: "wrong-path.yml"},
		{name: "realm-without-scheme", config: "realm-without-scheme.yml"},
		{name: "plain-realm", config: "plain-realm.yml"},
		{name: "plain-realm-by-url", config: "loopback-realm.yml", url: "https://127.0.0.1:5001/"},
		{name: "wrong-type", config: "wrong-type.yml"},
		{name: "nothing-set", config: "nothing-set.yml"},
		{name: "issuer-yes", config: "issuer-yes.yml"}, // a boolean, as in YAML 1.1
		{name: "autoredirect-no", config: "autoredirect-no.yml"},
		{name: "issuer-twice", config: "issuer-twice.yml"},
		{name: "letsencrypt-empty", config: "letsencrypt-empty.yml"},
		{name: "realm-without-host", config: "realm-without-host.yml"},
		{name: "zot", config: "zot.json"},
		{name: "zot-rsa", config: "zot.json", key: rsa},
		{name: "zot-ed25519", config: "zot.json", key: ed25519},
		{name: "zot-any-service", config: "zot.json", any: true},
		{
			name: "zot-shared-key", config: "zot.json",
			services: []string{testService, "b.test", "a.test"},
		},
		{name: "zot-other-certificate", config: "zot-other-certificate.json"},
		{name: "zot-missing-certificate", config: "zot-missing-certificate.json"},
		{name: "zot-no-certificate", config: "zot-no-certificate.json"},
		{name: "zot-secrets-manager", config: "zot-secrets-manager.json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key := tt.key
			if key == nil {
				key = es256
			}
			in := newInput(t, key, tt.config)
			write(t, in, "expired.crt", encodeCertificate(ca.certificate.Raw))
			in.RegistryVersion, in.RegistryURL = tt.version, tt.url
			in.Services = tt.services
			if tt.services == nil && !tt.any {
				in.Services = []string{testService}
			}
			in.Issuer = issuerFor(t, in.Services, key, tt.libtrust)

			var out bytes.Buffer
			ok, err := Run(t.Context(), &out, in)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.NewReplacer(
				key.ID(), "KID", key.LibtrustID(), "LIBTRUST-KID",
				filepath.Dir(in.RegistryConfigPath), "DIR",
			).Replace(out.String())
			if ok == strings.Contains("\n"+got, "\nFIX") {
				t.Errorf("ok is %v for:\n%s", ok, got)
			}
			golden := filepath.Join("testdata", tt.name+".want")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(readFile(t, golden)); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestUnreadableConfiguration(t *testing.T) {
	good := string(readFile(t, "testdata/good.yml"))
	tests := []struct{ name, config, want string }{
		{
			"other authentication", string(readFile(t, "testdata/htpasswd.yml")),
			"auth.token (distribution) or http.auth.bearer (zot)",
		},
		{"not YAML", string(readFile(t, "testdata/tabs.yml")), "yaml: line 3: "},
		{"empty", "", `(zot): unsupported version: ""`},
		{"no version", strings.Replace(good, "version: 0.1", "", 1), `unsupported version: ""`},
		{
			"two kinds of authentication", good + "  htpasswd: {path: x}\n",
			"must provide exactly one type",
		},
		{"a list", "- a\n", "yaml: unmarshal errors: line 1: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			_, err := Run(t.Context(), &out, Input{
				Issuer:         func(string) Issuer { return nil },
				EndpointPaths:  testEndpoints(),
				RegistryConfig: []byte(tt.config),
			})
			if !errors.Is(err, ErrUnreadable) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestIncompleteInput(t *testing.T) {
	if _, err := Run(t.Context(), new(bytes.Buffer), Input{}); err == nil {
		t.Error("no error without an issuer")
	}
	in := newInput(t, newKey(t, token.ES256), "good.yml")
	in.RegistryVersion = "2.7"
	if _, err := Run(t.Context(), new(bytes.Buffer), in); err == nil {
		t.Error("no error for an unknown version")
	}
}

// newInput copies a configuration to a folder where the files that it may name are.
func newInput(t *testing.T, key *token.Key, config string) Input {
	t.Helper()
	folder := t.TempDir()
	own, other := withCertificate(t, key), newKey(t, token.ES256)
	files := map[string][]byte{
		"auth.crt":   own.CertificatePEM(),
		"old.crt":    withOtherCertificate(t, key).CertificatePEM(),
		"other.crt":  other.CertificatePEM(),
		"empty.crt":  []byte("nothing\n"),
		"auth.jwks":  jwks(t, key),
		"other.jwks": jwks(t, other),
		config:       readFile(t, filepath.Join("testdata", config)),
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Input{
		Issuer:             issuerFor(t, []string{testService}, key, false),
		Services:           []string{testService},
		EndpointPaths:      testEndpoints(),
		RegistryConfig:     files[config],
		RegistryConfigPath: filepath.Join(folder, config),
		HTTPClient:         &http.Client{Transport: offline{}},
	}
}

// write puts a file beside the configuration.
func write(t *testing.T, in Input, name string, data []byte) {
	t.Helper()
	path := filepath.Join(filepath.Dir(in.RegistryConfigPath), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// offline is a network where nobody answers.
type offline struct{}

func (offline) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("offline")
}

func issuerFor(t *testing.T, services []string, key *token.Key, libtrust bool) func(string) Issuer {
	t.Helper()
	issuer := must(token.NewIssuer(token.IssuerConfig{
		Name: testIssuer, Keys: must(token.NewKeySet(key))(t), LibtrustKeyID: libtrust,
	}))(t)
	return func(service string) Issuer {
		if services == nil || slices.Contains(services, service) {
			return issuer
		}
		return nil
	}
}

func newKey(t *testing.T, algorithm token.Algorithm) *token.Key {
	t.Helper()
	return must(token.GenerateKey(algorithm))(t)
}

// newKeyWithZero makes a key with a leading zero byte in a coordinate: one in 128 has it.
func newKeyWithZero(t *testing.T) *token.Key {
	t.Helper()
	for {
		private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
		point := must(private.PublicKey.Bytes())(t)
		if point[1] == 0 || point[33] == 0 {
			return must(must(token.NewKey(private))(t).SelfSigned("", time.Hour))(t)
		}
	}
}

func withCertificate(t *testing.T, key *token.Key) *token.Key {
	t.Helper()
	if len(key.Certificates()) > 0 {
		return key
	}
	return withOtherCertificate(t, key)
}

func withOtherCertificate(t *testing.T, key *token.Key) *token.Key {
	t.Helper()
	return must(key.SelfSigned("", 24*time.Hour))(t)
}

func withoutCertificate(t *testing.T, key *token.Key) *token.Key {
	t.Helper()
	return must(token.ParseKey(must(key.PrivateKeyPEM())(t), nil))(t)
}

// authority certifies keys. Its certificate has expired.
type authority struct {
	certificate *x509.Certificate
	signer      crypto.Signer
}

func expiredCA(t *testing.T) authority {
	t.Helper()
	signer := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "old CA"},
		NotBefore:             time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer))(t)
	return authority{must(x509.ParseCertificate(der))(t), signer}
}

// certifiedBy is the key with a certificate of the authority's, and that of the authority.
func certifiedBy(t *testing.T, key *token.Key, ca authority) *token.Key {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "signing key"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der := must(x509.CreateCertificate(
		rand.Reader, template, ca.certificate, key.Public(), ca.signer))(t)
	return must(token.ParseKey(must(key.PrivateKeyPEM())(t), encodeCertificate(der)))(t)
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func jwks(t *testing.T, key *token.Key) []byte {
	t.Helper()
	return must(token.NewKeySet(key))(t).JWKS()
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	return must(os.ReadFile(name))(t)
}

func must[T any](value T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
