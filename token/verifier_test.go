package token_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

func newVerifier(tb testing.TB, keys *token.KeySet) *token.Verifier {
	tb.Helper()
	verifier, err := token.NewVerifier(token.VerifierConfig{
		Issuer: issuerName, Audience: service, Keys: keys,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return verifier
}

// forger writes tokens by hand, without the library that the package uses.
type forger struct {
	t      testing.TB
	signer crypto.Signer // of P-256
}

// newForger returns one that signs with key, which is in memory.
func newForger(tb testing.TB, key *token.Key) forger {
	tb.Helper()
	data, err := key.PrivateKeyPEM()
	if err != nil {
		tb.Fatal(err)
	}
	return forger{tb, privateKey(tb, data)}
}

func (f forger) token(header, claims string) string {
	f.t.Helper()
	input := b64(header) + "." + b64(claims)
	return input + "." + b64(string(f.signature(input)))
}

// signature is R || S (RFC 7518, section 3.4).
func (f forger) signature(input string) []byte {
	f.t.Helper()
	var parts struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(f.signatureDER(input), &parts); err != nil {
		f.t.Fatal(err)
	}
	signature := make([]byte, 64)
	parts.R.FillBytes(signature[:32])
	parts.S.FillBytes(signature[32:])
	return signature
}

func (f forger) signatureDER(input string) []byte {
	f.t.Helper()
	digest := sha256.Sum256([]byte(input))
	der, err := f.signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		f.t.Fatal(err)
	}
	return der
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// goodClaims returns claims that the verifier of the tests accepts.
func goodClaims() string { return claimsWith("", nil) }

// claimsWith returns goodClaims with one claim changed, or without it when value is nil.
func claimsWith(name string, value any) string {
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": issuerName, "sub": "alice", "aud": service, "jti": "x",
		"exp": now + 300, "nbf": now - 5, "iat": now - 5,
		"access": []scope.Scope{{Type: "repository", Name: "alice/app", Actions: []string{"pull"}}},
	}
	if value == nil {
		delete(claims, name)
	} else {
		claims[name] = value
	}
	data, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func TestVerifyReturnsWhatWasIssued(t *testing.T) {
	for _, algorithm := range algorithms {
		t.Run(string(algorithm), func(t *testing.T) {
			clock := newClock()
			issuer := newIssuer(t, newKeySet(t, generateKey(t, algorithm)), clock.Now)
			verifier, err := issuer.Verifier(service)
			if err != nil {
				t.Fatal(err)
			}
			issued := issue(t, issuer, aliceMay("pull", "push"))
			got, err := verifier.Verify(string(issued.Value))
			if err != nil {
				t.Fatal(err)
			}
			want := token.Claims{
				Issuer: issuerName, Subject: "alice", Audience: service, ID: issued.ID,
				ExpiresAt: issued.ExpiresAt,
				NotBefore: issued.IssuedAt.Add(-5 * time.Second),
				IssuedAt:  issued.IssuedAt.Add(-5 * time.Second),
				Access:    aliceMay("pull", "push").Access,
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("claims %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestVerifyChecksClaims(t *testing.T) {
	clock := newClock()
	now := clock.Now().Unix()
	tests := []struct {
		name   string
		claims string
		want   error // nil: accepted
	}{
		{"good ones", goodClaims(), nil},
		{"another issuer", claimsWith("iss", "auth.example.org"), token.ErrIssuer},
		{"the issuer in upper case", claimsWith("iss", "AUTH.example.com"), token.ErrIssuer},
		{"no issuer", claimsWith("iss", nil), token.ErrIssuer},
		{"a list of issuers", claimsWith("iss", []string{issuerName}), token.ErrMalformed},
		{"another audience", claimsWith("aud", "other.example.com"), token.ErrAudience},
		{"an audience that begins alike", claimsWith("aud", service+".evil"), token.ErrAudience},
		{"an empty audience", claimsWith("aud", ""), token.ErrAudience},
		{"no audience", claimsWith("aud", nil), token.ErrAudience},
		{"a list of no audience", claimsWith("aud", []string{}), token.ErrAudience},
		{"a list of one audience", claimsWith("aud", []string{service}), nil},
		{"a list of several audiences", claimsWith("aud", []string{"other", service}), nil},
		{"a list of other audiences", claimsWith("aud", []string{"other", ""}), token.ErrAudience},
		{"a list in a list", claimsWith("aud", []any{[]string{service}}), token.ErrMalformed},
		{
			"an audience that is an object", claimsWith("aud", map[string]any{service: 1}),
			token.ErrMalformed,
		},
		{"no exp", claimsWith("exp", nil), token.ErrMalformed},
		{"a null exp", claimsWith("exp", json.RawMessage("null")), token.ErrMalformed},
		{"an exp of 1e308", claimsWith("exp", 1e308), token.ErrMalformed},
		{"an exp of 1e400", claimsWith("exp", json.RawMessage("1e400")), token.ErrMalformed},
		{
			"an exp that wraps around", claimsWith("exp", json.RawMessage("9223372036854775807")),
			token.ErrMalformed,
		},
		{
			"an exp in a string", claimsWith("exp", strconv.FormatInt(now+300, 10)),
			token.ErrMalformed,
		},
		{"a negative exp", claimsWith("exp", -1), token.ErrExpired},
		{"an exp of zero", claimsWith("exp", 0), token.ErrExpired},
		{"an exp with a fraction", claimsWith("exp", float64(now)+299.5), nil},
		{"an exp within the leeway", claimsWith("exp", now-59), nil},
		{"an exp outside of it", claimsWith("exp", now-60), token.ErrExpired},
		{"an nbf within the leeway", claimsWith("nbf", now+60), nil},
		{"an nbf outside of it", claimsWith("nbf", now+61), token.ErrNotYetValid},
		{"an nbf of 1e308", claimsWith("nbf", 1e308), token.ErrMalformed},
		{"no nbf", claimsWith("nbf", nil), nil},
		{"an iat within the leeway", claimsWith("iat", now+60), nil},
		{"an iat outside of it", claimsWith("iat", now+61), token.ErrNotYetValid},
		{"no iat", claimsWith("iat", nil), nil},
		{"no access", claimsWith("access", nil), nil},
		{
			"an access that is an object",
			claimsWith("access", map[string]any{"type": "repository"}), token.ErrMalformed,
		},
		{"a subject that is a number", claimsWith("sub", 7), token.ErrMalformed},
		{"a claim twice", `{"iss":"evil",` + goodClaims()[1:], token.ErrMalformed},
		{
			"a claim twice, once escaped", `{"\u0069ss":"evil",` + goodClaims()[1:],
			token.ErrMalformed,
		},
		{
			"a claim in other case beside it",
			`{"ISS":"evil","Aud":"evil","EXP":1,` + goodClaims()[1:], nil,
		},
		{
			"exp only in other case", `{"EXP":9999999999,` + claimsWith("exp", nil)[1:],
			token.ErrMalformed,
		},
		{
			"iss only in other case", `{"Iss":"` + issuerName + `",` + claimsWith("iss", nil)[1:],
			token.ErrIssuer,
		},
		{
			"access only in other case",
			`{"Access":[{"type":"repository","name":"alice/app","actions":["pull"]}],` +
				claimsWith("access", nil)[1:],
			nil,
		},
		{"an array", `[` + goodClaims() + `]`, token.ErrMalformed},
		{"null", `null`, token.ErrMalformed},
		{"a string", `"x"`, token.ErrMalformed},
		{"an empty object", `{}`, token.ErrMalformed},
		{"two objects", goodClaims() + goodClaims(), token.ErrMalformed},
		{"no JSON", `hello`, token.ErrMalformed},
	}
	key := generateKey(t, token.ES256)
	verifier, forger := newVerifierAt(t, newKeySet(t, key), clock.Now), newForger(t, key)
	header := `{"alg":"ES256","kid":"` + key.ID() + `"}`
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			claims, err := verifier.Verify(forger.token(header, test.claims))
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			if err != nil && !reflect.DeepEqual(claims, token.Claims{}) {
				t.Errorf("claims %+v beside an error", claims)
			}
			if err == nil && (claims.Issuer != issuerName || claims.Audience != service ||
				len(claims.Access) > 1) {
				t.Errorf("claims %+v", claims)
			}
		})
	}
}

func TestAccessInOtherCaseAllowsNothing(t *testing.T) {
	key := generateKey(t, token.ES256)
	access := []map[string]any{
		{"Type": "repository", "NAME": "alice/app", "Actions": []string{"pull"}},
	}
	header := `{"alg":"ES256","kid":"` + key.ID() + `"}`
	raw := newForger(t, key).token(header, claimsWith("access", access))
	claims, err := newVerifier(t, newKeySet(t, key)).Verify(raw)
	if err != nil || claims.Allows(aliceMay("pull").Access[0]) {
		t.Errorf("claims %+v, error %v", claims, err)
	}
}

func TestLeeway(t *testing.T) {
	clock := newClock()
	keys := newKeySet(t, generateKey(t, token.ES256))
	issued := issue(t, newIssuer(t, keys, clock.Now), aliceMay("pull"))
	begin := clock.Now()
	tests := []struct {
		name   string
		leeway time.Duration
		from   time.Duration // the first moment at which the token is valid, after its issue
		until  time.Duration // the first at which it is not any more
	}{
		{"a minute by default", 0, -65 * time.Second, 360 * time.Second},
		{"none, as with zot", -1, -5 * time.Second, 300 * time.Second},
		{"ten seconds", 10 * time.Second, -15 * time.Second, 310 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			verifier, err := token.NewVerifier(token.VerifierConfig{
				Issuer: issuerName, Audience: service, Keys: keys, Leeway: test.leeway,
				Now: clock.Now,
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, moment := range []struct {
				after time.Duration
				want  error
			}{
				{test.from - 1, token.ErrNotYetValid},
				{test.from, nil},
				{test.until - 1, nil},
				{test.until, token.ErrExpired},
			} {
				clock.Set(begin.Add(moment.after))
				if _, err := verifier.Verify(string(issued.Value)); !errors.Is(err, moment.want) {
					t.Errorf("after %v: error %v, want %v", moment.after, err, moment.want)
				}
			}
		})
	}
}

func TestVerifierConfigIsChecked(t *testing.T) {
	keys := newKeySet(t, generateKey(t, token.ES256))
	tests := []struct {
		name   string
		config token.VerifierConfig
		valid  bool
	}{
		{"the zero value", token.VerifierConfig{}, false},
		{"no issuer", token.VerifierConfig{Audience: service, Keys: keys}, false},
		{"no audience", token.VerifierConfig{Issuer: issuerName, Keys: keys}, false},
		{"no keys", token.VerifierConfig{Issuer: issuerName, Audience: service}, false},
		{"keys", token.VerifierConfig{Issuer: issuerName, Audience: service, Keys: keys}, true},
		{
			"roots",
			token.VerifierConfig{Issuer: issuerName, Audience: service, Roots: x509.NewCertPool()},
			true,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := token.NewVerifier(test.config); (err == nil) != test.valid {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestKeysAreFoundByCertificate(t *testing.T) {
	root := newAuthority(t, "root", nil)
	ca := newAuthority(t, "ca", root)
	private := generateECDSA(t)
	leaf := ca.leaf(t, private, nil)
	expired := ca.leaf(
		t, private, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) },
	)
	stranger := generateECDSA(t) // whose certificate says that it signs tokens, and nothing else
	noCA := &authority{ca.leaf(t, stranger, nil), stranger}
	roots := x509.NewCertPool()
	roots.AddCert(root.certificate)
	public, err := token.NewPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	known, other := newKeySet(t, nil, public), newKeySet(t, generateKey(t, token.ES256))
	tests := []struct {
		name  string
		keys  *token.KeySet
		roots *x509.CertPool
		chain []*x509.Certificate
		want  error
	}{
		{"whose key is in the set", known, nil, []*x509.Certificate{leaf}, nil},
		{
			"whose key is in the set, though it has expired", known, nil,
			[]*x509.Certificate{expired},
			nil,
		},
		{
			"whose key is not in the set", other, nil,
			[]*x509.Certificate{leaf, ca.certificate},
			token.ErrUnknownKey,
		},
		{"below a root", nil, roots, []*x509.Certificate{leaf, ca.certificate}, nil},
		{
			"below a root that is sent too", nil, roots,
			[]*x509.Certificate{leaf, ca.certificate, root.certificate},
			nil,
		},
		{
			"below a root, beside a set", other, roots,
			[]*x509.Certificate{leaf, ca.certificate},
			nil,
		},
		{"below a root, with a gap", nil, roots, []*x509.Certificate{leaf}, token.ErrUnknownKey},
		{
			"below a root, expired", nil, roots,
			[]*x509.Certificate{expired, ca.certificate},
			token.ErrUnknownKey,
		},
		{
			"below a certificate that is no CA", nil, roots,
			[]*x509.Certificate{noCA.leaf(t, private, nil), noCA.certificate, ca.certificate},
			token.ErrUnknownKey,
		},
		{
			"below another root", nil, x509.NewCertPool(),
			[]*x509.Certificate{leaf, ca.certificate, root.certificate},
			token.ErrUnknownKey,
		},
		{
			"with the CA first", nil, roots,
			[]*x509.Certificate{ca.certificate, leaf},
			token.ErrSignature,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			verifier, err := token.NewVerifier(token.VerifierConfig{
				Issuer: issuerName, Audience: service, Keys: test.keys, Roots: test.roots,
			})
			if err != nil {
				t.Fatal(err)
			}
			header := map[string]any{"alg": "ES256", "x5c": rawChain(test.chain)}
			data, err := json.Marshal(header)
			if err != nil {
				t.Fatal(err)
			}
			raw := forger{t, private}.token(string(data), goodClaims())
			if _, err := verifier.Verify(raw); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

// rawChain is an x5c header: encoding/json writes []byte in the base64 that it wants.
func rawChain(chain []*x509.Certificate) (raw [][]byte) {
	for _, certificate := range chain {
		raw = append(raw, certificate.Raw)
	}
	return raw
}

func TestClaimsAllow(t *testing.T) {
	claims := token.Claims{Access: []scope.Scope{
		{Type: "repository", Name: "a", Actions: []string{"pull"}},
		{Type: "repository", Name: "a", Actions: []string{"push"}},
		{Type: "repository", Name: "all", Actions: []string{"*"}},
		{Type: "registry", Name: "catalog", Actions: []string{"*"}},
		{Type: "repository", Name: "", Actions: []string{"pull"}},
	}}
	tests := []struct {
		asked   string
		missing []string
	}{
		{"repository:a:pull", nil},
		{"repository:a:pull,push", nil}, // of two entries
		{"repository:a:pull,delete", []string{"delete"}},
		{"repository:a:*", []string{"*"}},
		{"repository:all:delete,pull", nil},
		{"repository:all:*", nil},
		{"repository:a/b:pull", []string{"pull"}},
		{"repository:al:pull", []string{"pull"}},
		{"registry:catalog:*", nil},
		{"registry:a:pull", []string{"pull"}},
		{"repository::pull", nil},
	}
	for _, test := range tests {
		asked, err := scope.Parse(test.asked)
		if err != nil {
			t.Fatal(err)
		}
		if missing := claims.Missing(asked); !reflect.DeepEqual(missing, test.missing) ||
			claims.Allows(asked) != (test.missing == nil) {
			t.Errorf("%s: missing %q, want %q", test.asked, missing, test.missing)
		}
	}
	for _, nothing := range []scope.Scope{{}, {Type: "repository", Name: "a"}} {
		if claims.Allows(nothing) || claims.Missing(nothing) != nil {
			t.Errorf("a scope without actions is allowed, or lacks %q", claims.Missing(nothing))
		}
	}
	if (token.Claims{}).Allows(aliceMay("pull").Access[0]) {
		t.Error("the zero value allows something")
	}
}
