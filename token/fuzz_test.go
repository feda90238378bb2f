package token_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/token"
)

// A token that verifies has the header and the claims of one that was signed with the key; an error
// comes with the zero Claims. (The signature can differ: with r, s also r, -s is valid.)
func FuzzVerify(f *testing.F) {
	a := newAttack(f)
	signed := map[string]bool{}
	seed := func(raw string) {
		if header, claims, _ := split(raw); raw != "" {
			signed[header+"."+claims] = true
		}
		f.Add(raw)
	}
	seed(a.valid)
	seed(a.insider.token(a.header("ES256", ""), goodClaims()))
	seed(a.insider.token(a.header("ES256", `,"crit":["b64"],"b64":false`), goodClaims()))
	seed(a.insider.token(`{"alg":"ES256","x5c":["AAAA"]}`, claimsWith("aud", []string{service})))
	f.Add(a.forger.token(a.header("ES256", ""), goodClaims()))
	f.Add(a.hmac(a.publicKey(f)))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	verifier := newVerifier(f, a.keys)
	f.Fuzz(func(t *testing.T, raw string) {
		claims, err := verifier.Verify(raw)
		if err != nil {
			if !reflect.DeepEqual(claims, token.Claims{}) {
				t.Errorf("claims %+v beside the error %v", claims, err)
			}
			return
		}
		if i := strings.LastIndexByte(raw, '.'); !signed[raw[:i]] {
			t.Errorf("a token that was never signed verifies: %s", raw)
		}
	})
}

// A key that parses signs, and is the same after it was written and parsed again; an error comes
// without a key.
func FuzzParseKey(f *testing.F) {
	for _, name := range []string{
		"p256-sec1-parameters.pem", "p256-pkcs8.pem", "p256-sec1-encrypted.pem",
		"ed25519-pkcs8.pem", "p224-sec1.pem", "p521-sec1-parameters.pem",
	} {
		f.Add(testdata(f, name), []byte(nil))
	}
	f.Add(testdata(f, "p256-sec1.pem"), testdata(f, "p256-cert.pem"))
	f.Fuzz(func(t *testing.T, keyPEM, certPEM []byte) {
		key, err := token.ParseKey(keyPEM, certPEM)
		if err != nil {
			if key != nil {
				t.Errorf("a key beside the error %v", err)
			}
			return
		}
		written, err := key.PrivateKeyPEM()
		if err != nil {
			t.Fatal(err)
		}
		again, err := token.ParseKey(written, key.CertificatePEM())
		if err != nil || again.ID() != key.ID() || again.LibtrustID() != key.LibtrustID() {
			t.Errorf("%v was written and read as %v, %v", key, again, err)
		}
		issue(t, newIssuer(t, newKeySet(t, key), nil), aliceMay("pull"))
	})
}
