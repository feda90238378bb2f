package token_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

func x5cOf(key *token.Key) []string {
	var x5c []string
	for _, certificate := range key.Certificates() {
		x5c = append(x5c, base64.StdEncoding.EncodeToString(certificate.Raw))
	}
	return x5c
}

func ids(keys *token.KeySet) []string {
	var list []string
	for _, key := range keys.Keys() {
		list = append(list, key.ID())
	}
	return list
}

func TestJWKSHasThePublicKeysOnly(t *testing.T) {
	var all []*token.Key
	for _, algorithm := range algorithms {
		all = append(all, generateKey(t, algorithm))
	}
	keys := newKeySet(t, all[0], all[1:]...)
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(keys.JWKS(), &set); err != nil || len(set.Keys) != len(all) {
		t.Fatalf("%d keys, %v", len(set.Keys), err)
	}
	for i, jwk := range set.Keys {
		key := all[i]
		if jwk["kid"] != key.ID() || jwk["use"] != "sig" || jwk["alg"] != string(key.Algorithm()) ||
			!reflect.DeepEqual(jwk["x5c"], []any{x5cOf(key)[0]}) {
			t.Errorf("%v as %v", key, jwk)
		}
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if jwk[private] != nil {
				t.Errorf("%v: %s is published", key, private)
			}
		}
	}
	parsed, err := token.ParseJWKS(keys.JWKS())
	if err != nil || !slices.Equal(ids(parsed), ids(keys)) || parsed.Signing() != nil {
		t.Errorf("read %v, %v", parsed.Keys(), err)
	}
	if !bytes.Equal(parsed.JWKS(), keys.JWKS()) ||
		!bytes.Equal(parsed.BundlePEM(), keys.BundlePEM()) {
		t.Error("the set is not the same after writing and reading")
	}
}

func TestBundleHasTheLeafCertificatesOnly(t *testing.T) {
	ca := newAuthority(t, "ca", nil)
	private := generateECDSA(t)
	leaf := ca.leaf(t, private, nil)
	chained, err := token.NewKey(private, leaf, ca.certificate)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := token.NewKey(generateECDSA(t))
	if err != nil {
		t.Fatal(err)
	}
	own := generateKey(t, token.ES256)
	bundle := newKeySet(t, own, chained, bare).BundlePEM()
	want := slices.Concat(
		own.CertificatePEM(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}),
	)
	if !bytes.Equal(bundle, want) {
		t.Errorf("bundle\n%s\nwant\n%s", bundle, want)
	}
	parsed, err := token.ParseBundle(bundle)
	if err != nil || !slices.Equal(ids(parsed), []string{own.ID(), chained.ID()}) ||
		parsed.Signing() != nil {
		t.Errorf("read %v, %v", parsed.Keys(), err)
	}
}

func TestParseBundleTakesTheCertificateThatIsValidForLonger(t *testing.T) {
	key := generateKey(t, token.ES256) // for ten years
	short, err := key.SelfSigned("short", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, bundle := range [][]byte{
		slices.Concat(key.CertificatePEM(), short.CertificatePEM()),
		slices.Concat(short.CertificatePEM(), key.CertificatePEM()),
	} {
		keys, err := token.ParseBundle(bundle)
		if err != nil || len(keys.Keys()) != 1 ||
			!keys.Keys()[0].Certificates()[0].Equal(key.Certificates()[0]) {
			t.Errorf("read %v, %v", keys, err)
		}
	}
}

func TestParseBundleRefuses(t *testing.T) {
	key := generateKey(t, token.ES256)
	privatePEM, err := key.PrivateKeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		data []byte
	}{
		{"nothing", nil},
		{"no PEM", []byte("hello")},
		{"a private key", slices.Concat(key.CertificatePEM(), privatePEM)},
		{"a certificate that is cut off", key.CertificatePEM()[:200]},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if keys, err := token.ParseBundle(test.data); err == nil || keys != nil {
				t.Error("no error")
			}
		})
	}
}

func TestParseJWKSSkipsWhatItDoesNotKnow(t *testing.T) {
	key := generateKey(t, token.ES256)
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(newKeySet(t, key).JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	good := string(set.Keys[0])
	tests := []struct {
		name, other string
	}{
		{"the same key again", good},
		{"an unknown type", `{"kty":"XYZ","x":"AAAA"}`},
		{"an unknown curve", `{"kty":"EC","crv":"secp256k1","x":"AAAA","y":"AAAA"}`},
		{
			"a point that is not on its curve",
			`{"kty":"EC","crv":"P-256","x":"` + strings.Repeat("A", 43) +
				`","y":"` + strings.Repeat("A", 43) + `"}`,
		},
		{"a weak RSA key", `{"kty":"RSA","n":"` + strings.Repeat("_", 170) + `","e":"AQAB"}`},
		{"a key for encryption", strings.Replace(otherJWK(t), `"use":"sig"`, `"use":"enc"`, 1)},
		{
			"a key of another algorithm",
			strings.Replace(otherJWK(t), `"alg":"ES256"`, `"alg":"ES384"`, 1),
		},
		{"not an object", `"hello"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			keys, err := token.ParseJWKS(
				fmt.Appendf(nil, `{"keys":[%s,%s],"more":1}`, test.other, good),
			)
			if err != nil || !slices.Equal(ids(keys), []string{key.ID()}) {
				t.Errorf("read %v, %v", keys, err)
			}
		})
	}
}

// otherJWK returns the JWK of a fresh key.
func otherJWK(tb testing.TB) string {
	tb.Helper()
	set := string(newKeySet(tb, generateKey(tb, token.ES256)).JWKS())
	jwk, ok := strings.CutPrefix(set, `{"keys":[`)
	jwk, ok2 := strings.CutSuffix(jwk, `]}`)
	if !ok || !ok2 {
		tb.Fatalf("not one key: %s", set)
	}
	return jwk
}

func TestParseJWKSRefuses(t *testing.T) {
	jwk := otherJWK(t)
	private := strings.Replace(jwk, `"use":`, `"d":"`+strings.Repeat("A", 43)+`","use":`, 1)
	tests := []struct {
		name, data string
	}{
		{"nothing", ""},
		{"no keys", `{"keys":[]}`},
		{"no member keys", `{}`},
		{"only keys that are skipped", `{"keys":[{"kty":"XYZ"}]}`},
		{"a symmetric key", `{"keys":[` + jwk + `,{"kty":"oct","k":"AAAA"}]}`},
		{"a symmetric key by another name", `{"keys":[` + jwk + `,{"kty":"OCT","k":"AAAA"}]}`},
		{"a private key", `{"keys":[` + jwk + `,` + private + `]}`},
		{"the keys twice", `{"keys":[` + jwk + `],"keys":[]}`},
		{"something after it", `{"keys":[` + jwk + `]}x`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if keys, err := token.ParseJWKS([]byte(test.data)); err == nil || keys != nil {
				t.Errorf("no error: %v", keys.Keys())
			}
		})
	}
}

func TestParseJWKSRemembersTheNamesOfOthers(t *testing.T) {
	keys := newKeySet(t, generateKey(t, token.ES256))
	key := keys.Signing()
	renamed := bytes.Replace(keys.JWKS(), []byte(key.ID()), []byte("2026-03"), 1)
	parsed, err := token.ParseJWKS(renamed)
	if err != nil || parsed.Keys()[0].ID() != key.ID() {
		t.Fatalf("read %v, %v", parsed, err)
	}
	raw := newForger(t, key).token(`{"alg":"ES256","kid":"2026-03"}`, goodClaims())
	if _, err := newVerifier(t, parsed).Verify(raw); err != nil {
		t.Errorf("a token with that name: %v", err)
	}
}
