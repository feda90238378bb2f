package doctor

import (
	"testing"

	"github.com/berthpass/registry-auth/token"
)

// TestAuthority: with an authority in its bundle, a registry accepts keys that were made later, so
// the doctor's own key need not be that of the running server.
func TestAuthority(t *testing.T) {
	authority := must(token.GenerateAuthority(token.ES256))(t)
	other := must(token.GenerateAuthority(token.ES256))(t)
	tests := []struct {
		name    string
		running *token.Authority
		bundle  *token.Authority
		ok      bool
		want    []string
	}{
		{"the same", authority, authority, true, []string{
			"ok   rootcertbundle: auth.crt has the authority of the signing keys",
			"ok   distribution 2.8, 3.0, 3.1: a token made just now is accepted",
			"ok   realm: it answers with tokens of this server's key",
		}},
		{"another in the bundle", authority, other, false, []string{
			"FIX  rootcertbundle: auth.crt does not have the authority of the signing keys: " +
				"add the token server's certificate and restart the registry",
		}},
		{"another where the server runs", other, authority, false, []string{
			"FIX  realm: its tokens are not this server's (unknown key): " +
				"reload or restart the token server there, or set auth.token.realm to this one",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := newRunningInput(t, keyBelow(t, tt.running))
			write(t, in, "auth.crt", tt.bundle.CertificatePEM())
			in.Issuer = issuerBelow(t, authority, token.ES256)
			expectLines(t, in, tt.ok, tt.want...)
		})
	}
}

// TestAuthorityOfRunningRegistry shows that registries do accept it.
func TestAuthorityOfRunningRegistry(t *testing.T) {
	authority := must(token.GenerateAuthority(token.ES256))(t)
	for name, start := range map[string]func(*testing.T, Input) string{
		"distribution 3 in-process": startDistribution3,
		"distribution 2.8":          startDistribution28,
	} {
		t.Run(name, func(t *testing.T) {
			in := newRunningInput(t, keyBelow(t, authority))
			write(t, in, "auth.crt", authority.CertificatePEM())
			in.Issuer = issuerBelow(t, authority, token.ES256)
			in.RegistryURL = start(t, in)
			expectLines(t, in, true, "ok   registry: URL accepts a token made just now")
		})
	}
}

// TestAuthorityOfEd25519Keys: 2.8 starts with such an authority, but does not know the algorithm.
func TestAuthorityOfEd25519Keys(t *testing.T) {
	authority := must(token.GenerateAuthority(token.ES256))(t)
	in := newInput(t, newKey(t, token.ES256), "good.yml")
	write(t, in, "auth.crt", authority.CertificatePEM())
	in.Issuer = issuerBelow(t, authority, token.EdDSA)
	expectLines(t, in, true, "note distribution 2.8: it does not know the algorithm of the key: "+
		"make an ES256 key (server keygen)")
	in.RegistryVersion = "3.1"
	expectLines(t, in, true, "ok   distribution 3.1: a token made just now is accepted")
}

// TestAuthorityAndZot: zot has one key, and nothing below it.
func TestAuthorityAndZot(t *testing.T) {
	authority := must(token.GenerateAuthority(token.ES256))(t)
	in := newInput(t, newKey(t, token.ES256), "zot.json")
	write(t, in, "auth.crt", authority.CertificatePEM())
	in.Issuer = issuerBelow(t, authority, token.ES256)
	expectLines(t, in, false,
		`FIX  cert: zot knows one key, and the token server makes new ones below its `+
			`authority: give the service "registry.test" a certificate and key of its own, `+
			`without authority`)
}

// keyBelow makes a key with a certificate of the authority.
func keyBelow(t *testing.T, authority *token.Authority) *token.Key {
	t.Helper()
	return must(authority.NewKeys(token.AuthorityKeysConfig{}))(t).KeySet().Signing()
}

func issuerBelow(
	t *testing.T, authority *token.Authority, algorithm token.Algorithm,
) func(string) Issuer {
	t.Helper()
	keys := must(authority.NewKeys(token.AuthorityKeysConfig{Algorithm: algorithm}))(t)
	issuer := must(token.NewIssuer(token.IssuerConfig{Name: testIssuer, Keys: keys.KeySet()}))(t)
	return func(string) Issuer { return issuer }
}
