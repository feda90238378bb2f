package token_test

import (
	"crypto/x509"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

// A certificate "without an end" has the year 9999 (RFC 5280, section 4.1.2.5), and a lifetime can
// be as long as a duration.
func TestAKeyThatLivesForEverIsNotRenewed(t *testing.T) {
	private := generateECDSA(t)
	certificate := certify(t, &x509.Certificate{
		NotBefore: time.Now().Add(-time.Hour),
		NotAfter:  time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		IsCA:      true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, private)
	key, err := token.NewKey(private, certificate)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := token.NewAuthority(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, publishFirst := range []time.Duration{0, math.MinInt64, math.MaxInt64 / 6} {
		keys, err := authority.NewKeys(token.AuthorityKeysConfig{
			Lifetime: math.MaxInt64, PublishFirst: publishFirst,
			Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		set := keys.KeySet()
		first := set.Signing()
		issue(t, newIssuer(t, set, nil), aliceMay("pull"))
		if list := set.Keys(); len(list) != 1 || list[0] != first {
			t.Errorf("published for %v: the keys are %v", publishFirst, list)
		}
		if err := keys.Renew(); err != nil {
			t.Fatal(err)
		}
		if list := set.Keys(); len(list) != 2 || list[0] != first || set.Signing() == first {
			t.Errorf("published for %v: the keys after a renewal are %v", publishFirst, list)
		}
	}
	_, err = authority.NewKeys(token.AuthorityKeysConfig{PublishFirst: math.MaxInt64})
	if err == nil {
		t.Error("a key that never signs is accepted")
	}
}

func TestLeewayCannotOverflow(t *testing.T) {
	key := generateKey(t, token.ES256)
	forger, header := newForger(t, key), `{"alg":"ES256","kid":"`+key.ID()+`"}`
	verifier, err := token.NewVerifier(token.VerifierConfig{
		Issuer: issuerName, Audience: service, Keys: newKeySet(t, key), Leeway: math.MaxInt64,
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		claims string
		valid  bool
	}{
		"an ordinary token":           {goodClaims(), true},
		"a token that expired lately": {claimsWith("exp", time.Now().Unix()-3600), true},
		"a token for ever":            {claimsWith("exp", int64(253402300799)), true},
		"a token of no known age":     {claimsWith("exp", int64(math.MaxInt64)), false},
		"a token of a far future":     {claimsWith("nbf", int64(math.MaxInt64)), false},
		"a token of a far past":       {claimsWith("exp", int64(math.MinInt64)), false},
		"one issued in a far future":  {claimsWith("iat", int64(math.MaxInt64)), false},
	} {
		_, err := verifier.Verify(forger.token(header, test.claims))
		if (err == nil) != test.valid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
