package section_test

import (
	"bytes"
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

// withAuthority is head, with an authority's key and certificate.
var withAuthority = strings.Replace(
	head,
	"  issuer:",
	"  authority: true\n  key_lifetime: 2h\n  issuer:",
	1,
) + "users: {}\nacl: []\n"

// authority writes one as my.key and my.crt.
func (f *fixture) authority() *token.Authority {
	f.t.Helper()
	authority, err := token.GenerateAuthority(token.ES256)
	if err != nil {
		f.t.Fatal(err)
	}
	private, err := authority.PrivateKeyPEM()
	if err != nil {
		f.t.Fatal(err)
	}
	write(f.t, filepath.Join(f.folder, "my.key"), string(private))
	write(f.t, filepath.Join(f.folder, "my.crt"), string(authority.CertificatePEM()))
	return authority
}

// TestAuthority: tokens are signed by a key below it, with a short life, and registries have the
// authority alone.
func TestAuthority(t *testing.T) {
	f := newFixture(t, withAuthority)
	authority := f.authority()
	cfg := f.mustLoad()
	if len(cfg.Warnings) > 0 {
		t.Errorf("warnings: %v", cfg.Warnings)
	}
	keys := cfg.Token.Issuer("registry.test").KeySet()
	chain := keys.Signing().Certificates()
	if len(chain) != 2 || chain[0].CheckSignatureFrom(authority.Certificate()) != nil {
		t.Fatalf("the chain is %v", chain)
	}
	if life := time.Until(chain[0].NotAfter); life > 2*time.Hour || life < time.Hour {
		t.Errorf("the key is valid for %v", life)
	}
	if !bytes.Equal(keys.BundlePEM(), authority.CertificatePEM()) {
		t.Error("the bundle is not the authority")
	}
	next := f.mustLoad().Token.Issuer("registry.test").KeySet().Signing()
	if next.ID() == keys.Signing().ID() {
		t.Error("the key is one that was kept")
	}
}

// TestAuthorityOfServices: one authority for two is one key for two, as registries see it. A
// service with a key of its own has no authority.
func TestAuthorityOfServices(t *testing.T) {
	f := newFixture(t, strings.Replace(withAuthority, `["registry.test"]`, `[a, b]`, 1))
	f.authority()
	if _, err := f.load(); err == nil ||
		!strings.Contains(err.Error(), `the services "a" and "b" have the same key`) {
		t.Errorf("the error is %v", err)
	}
	f.file("config.yml", strings.Replace(withAuthority, `["registry.test"]`,
		`{a: {}, zot: {certificate: "@DIR@/other.crt", key: "@DIR@/other.key"}}`, 1))
	of := f.mustLoad().Token
	below := len(of.Issuer("a").KeySet().Signing().Certificates())
	if own := len(of.Issuer("zot").KeySet().Signing().Certificates()); below != 2 || own != 1 {
		t.Errorf("chains of %d and %d certificates", below, own)
	}
	// A certificate of the same key under which one service signs and below which another's keys
	// stand.
	f.file("config.yml", strings.Replace(withAuthority, `["registry.test"]`,
		`{a: {}, b: {certificate: "@DIR@/my.crt", key: "@DIR@/my.key"}}`, 1))
	if _, err := f.load(); err == nil ||
		!strings.Contains(err.Error(), `the services "a" and "b" have the same key`) {
		t.Errorf("the error is %v", err)
	}
}

// TestRegistriesAcceptWhatIsBelow: a verifier that has only the authority accepts the tokens.
func TestRegistriesAcceptWhatIsBelow(t *testing.T) {
	f := newFixture(t, withAuthority)
	roots := x509.NewCertPool()
	roots.AddCert(f.authority().Certificate())
	verifier, err := token.NewVerifier(
		token.VerifierConfig{Issuer: "auth.test", Audience: "registry.test", Roots: roots},
	)
	if err != nil {
		t.Fatal(err)
	}
	issued, err := f.mustLoad().
		Token.Issuer("registry.test").
		Issue(t.Context(), token.Request{Audience: "registry.test"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(string(issued.Value)); err != nil {
		t.Error(err)
	}
}
