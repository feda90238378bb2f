package token_test

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

const (
	issuerName = "auth.example.com"
	service    = "registry.example.com"
)

func newIssuer(tb testing.TB, keys token.Keys, now func() time.Time) *token.Issuer {
	tb.Helper()
	issuer, err := token.NewIssuer(token.IssuerConfig{Name: issuerName, Keys: keys, Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	return issuer
}

func issue(tb testing.TB, issuer *token.Issuer, request token.Request) token.Token {
	tb.Helper()
	issued, err := issuer.Issue(tb.Context(), request)
	if err != nil {
		tb.Fatal(err)
	}
	return issued
}

// aliceMay returns a request of alice for her own repository.
func aliceMay(actions ...string) token.Request {
	access := []scope.Scope{{Type: "repository", Name: "alice/app", Actions: actions}}
	return token.Request{Subject: "alice", Audience: service, Access: access}
}

// decode reads a token with the standard library alone, and checks nothing.
func decode(tb testing.TB, value token.Secret) (header, claims map[string]any) {
	tb.Helper()
	parts := strings.Split(string(value), ".")
	if len(parts) != 3 {
		tb.Fatalf("%d parts", len(parts))
	}
	for i, into := range []*map[string]any{&header, &claims} {
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			tb.Fatal(err)
		}
		if err := json.Unmarshal(data, into); err != nil {
			tb.Fatal(err)
		}
	}
	return header, claims
}

func TestATokenSaysWhatRegistriesExpect(t *testing.T) {
	for _, algorithm := range algorithms {
		t.Run(string(algorithm), func(t *testing.T) {
			now := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
			key := generateKey(t, algorithm)
			issued := issue(
				t,
				newIssuer(t, newKeySet(t, key), func() time.Time { return now }),
				aliceMay("push", "pull"),
			)
			header, claims := decode(t, issued.Value)
			wantHeader := map[string]any{
				"typ": "JWT", "alg": string(algorithm), "kid": key.ID(),
				"x5c": []any{x5cOf(key)[0]},
			}
			if !reflect.DeepEqual(header, wantHeader) {
				t.Errorf("header %v\nwant %v", header, wantHeader)
			}
			wantClaims := map[string]any{
				"iss": issuerName, "sub": "alice", "aud": service, "jti": issued.ID,
				"iat": float64(now.Unix() - 5), "nbf": float64(now.Unix() - 5),
				"exp": float64(now.Unix() + 300),
				"access": []any{map[string]any{
					"type": "repository", "name": "alice/app", "actions": []any{"pull", "push"},
				}},
			}
			if !reflect.DeepEqual(claims, wantClaims) {
				t.Errorf("claims %v\nwant %v", claims, wantClaims)
			}
			if !issued.IssuedAt.Equal(now) || !issued.ExpiresAt.Equal(now.Add(5*time.Minute)) ||
				issued.Lifetime != 5*time.Minute {
				t.Errorf("issued %+v", issued)
			}
		})
	}
}

func TestAccessClaim(t *testing.T) {
	repository := func(name string, actions ...string) scope.Scope {
		return scope.Scope{Type: "repository", Name: name, Actions: actions}
	}
	tests := []struct {
		name   string
		access []scope.Scope
		want   string
	}{
		{"nothing is [], never null", nil, `[]`},
		{
			"a scope without actions is left out",
			[]scope.Scope{repository("a"), repository("b", "pull")},
			`[{"type":"repository","name":"b","actions":["pull"]}]`,
		},
		{"only scopes without actions", []scope.Scope{repository("a")}, `[]`},
		{
			"a resource is there once, its actions sorted",
			[]scope.Scope{
				repository("b", "push"),
				repository("a", "pull"),
				repository("b", "pull", "push"),
			},
			`[{"type":"repository","name":"b","actions":["pull","push"]},` +
				`{"type":"repository","name":"a","actions":["pull"]}]`,
		},
		{
			"the catalog",
			[]scope.Scope{{Type: "registry", Name: "catalog", Actions: []string{"*"}}},
			`[{"type":"registry","name":"catalog","actions":["*"]}]`,
		},
		{
			"the catalog of zot",
			[]scope.Scope{repository("", "pull")},
			`[{"type":"repository","name":"","actions":["pull"]}]`,
		},
	}
	issuer := newIssuer(t, newKeySet(t, generateKey(t, token.ES256)), nil)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			issued := issue(t, issuer, token.Request{Audience: service, Access: test.access})
			payload, err := base64.RawURLEncoding.DecodeString(
				strings.Split(string(issued.Value), ".")[1],
			)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(string(payload), `"access":`+test.want+`}`) ||
				!strings.Contains(string(payload), `"sub":""`) {
				t.Errorf("claims %s\nwant access %s", payload, test.want)
			}
		})
	}
}

func TestIssueDoesNotChangeTheRequest(t *testing.T) {
	request := aliceMay("push", "pull")
	request.Access = append(request.Access, scope.Scope{Type: "repository", Name: "b"}, scope.Scope{
		Type: "repository", Name: "c", Actions: []string{"pull"},
	})
	before := fmt.Sprint(request)
	issue(t, newIssuer(t, newKeySet(t, generateKey(t, token.ES256)), nil), request)
	if after := fmt.Sprint(request); after != before {
		t.Errorf("%s became %s", before, after)
	}
}

func TestKeyIDs(t *testing.T) {
	withCertificate := generateKey(t, token.ES256)
	bare, err := token.NewKey(generateECDSA(t))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		key      *token.Key
		libtrust bool
		kid      string
		header   []string
	}{
		{
			"thumbprint and x5c", withCertificate, false, withCertificate.ID(),
			[]string{"alg", "kid", "typ", "x5c"},
		},
		{
			"libtrust id and x5c", withCertificate, true, withCertificate.LibtrustID(),
			[]string{"alg", "kid", "typ", "x5c"},
		},
		{"thumbprint alone", bare, false, bare.ID(), []string{"alg", "kid", "typ"}},
		{"libtrust id alone", bare, true, bare.LibtrustID(), []string{"alg", "kid", "typ"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			keys := newKeySet(t, test.key)
			issuer, err := token.NewIssuer(token.IssuerConfig{
				Name: issuerName, Keys: keys, LibtrustKeyID: test.libtrust,
			})
			if err != nil {
				t.Fatal(err)
			}
			issued := issue(t, issuer, aliceMay("pull"))
			header, _ := decode(t, issued.Value)
			if names := slices.Sorted(maps.Keys(header)); header["kid"] != test.kid ||
				!slices.Equal(names, test.header) {
				t.Errorf("header %v", header)
			}
			if _, err := newVerifier(t, keys).Verify(string(issued.Value)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestATokenLivesAsLongAsItSays(t *testing.T) {
	now := time.Date(2026, time.March, 1, 12, 0, 0, 900_000_000, time.FixedZone("", 3600))
	issued := issue(
		t,
		newIssuer(t, newKeySet(t, generateKey(t, token.ES256)), func() time.Time { return now }),
		aliceMay("pull"),
	)
	_, claims := decode(t, issued.Value)
	seconds, _ := claims["exp"].(float64)
	if exp := time.Unix(int64(seconds), 0); exp.Before(now.Add(issued.Lifetime)) ||
		!exp.Equal(issued.ExpiresAt) {
		t.Errorf("exp %v, want %v or a little later", exp, now.Add(issued.Lifetime))
	}
	if issued.IssuedAt.Location() != time.UTC || issued.IssuedAt.Nanosecond() != 0 ||
		issued.IssuedAt.After(now) {
		t.Errorf("issued at %v", issued.IssuedAt)
	}
}

func TestIssuerConfigIsChecked(t *testing.T) {
	keys := newKeySet(t, generateKey(t, token.ES256))
	public := newKeySet(t, nil, publicKey(t, keys.Signing()))
	tests := []struct {
		name   string
		config token.IssuerConfig
		valid  bool
	}{
		{"the zero value", token.IssuerConfig{}, false},
		{"no name", token.IssuerConfig{Keys: keys}, false},
		{"a name that is not UTF-8", token.IssuerConfig{Name: "\xff", Keys: keys}, false},
		{"no keys", token.IssuerConfig{Name: issuerName}, false},
		{"keys that only verify", token.IssuerConfig{Name: issuerName, Keys: public}, false},
		{
			"less than a minute",
			token.IssuerConfig{Name: issuerName, Keys: keys, Lifetime: time.Minute - 1},
			false,
		},
		{
			"more than an hour",
			token.IssuerConfig{Name: issuerName, Keys: keys, Lifetime: time.Hour + 1},
			false,
		},
		{
			"a negative lifetime",
			token.IssuerConfig{Name: issuerName, Keys: keys, Lifetime: -time.Minute},
			false,
		},
		{"a minute", token.IssuerConfig{Name: issuerName, Keys: keys, Lifetime: time.Minute}, true},
		{"an hour", token.IssuerConfig{Name: issuerName, Keys: keys, Lifetime: time.Hour}, true},
		{"the default", token.IssuerConfig{Name: issuerName, Keys: keys}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := token.NewIssuer(test.config); (err == nil) != test.valid {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestIssueRefuses(t *testing.T) {
	issuer := newIssuer(t, newKeySet(t, generateKey(t, token.ES256)), nil)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name    string
		request token.Request
	}{
		{"no audience", token.Request{Subject: "alice"}},
		{"a subject that is not UTF-8", token.Request{Subject: "a\xff", Audience: service}},
		{"an audience that is not UTF-8", token.Request{Subject: "a", Audience: "\xff"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if issued, err := issuer.Issue(t.Context(), test.request); err == nil ||
				issued != (token.Token{}) {
				t.Errorf("issued %+v, error %v", issued, err)
			}
		})
	}
	if issued, err := issuer.Issue(done, aliceMay("pull")); !errors.Is(err, context.Canceled) ||
		issued != (token.Token{}) {
		t.Errorf("a request that is over: issued %+v, error %v", issued, err)
	}
}

func TestASignerThatFailsLaterCostsOneToken(t *testing.T) {
	private, down := generateECDSA(t), errors.New("the device is gone")
	var fault func() ([]byte, error)
	sign := func(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
		if fault != nil {
			return fault()
		}
		return private.Sign(r, digest, opts)
	}
	key, err := token.NewKey(fakeSigner{private.Public(), sign})
	if err != nil {
		t.Fatal(err)
	}
	issuer := newIssuer(t, newKeySet(t, key), nil)
	fault = func() ([]byte, error) { return nil, down }
	if issued, err := issuer.Issue(t.Context(), aliceMay("pull")); !errors.Is(err, down) ||
		issued != (token.Token{}) {
		t.Errorf("issued %+v, error %v", issued, err)
	}
	fault = func() ([]byte, error) { panic("bug") }
	if issued, err := issuer.Issue(t.Context(), aliceMay("pull")); err == nil ||
		issued != (token.Token{}) {
		t.Errorf("issued %+v, error %v", issued, err)
	}
	fault = nil
	issue(t, issuer, aliceMay("pull"))
}

// base32Alphabet is that of RFC 4648, section 6: each character has five bits.
const base32Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

func TestTokenIDsAreUnique(t *testing.T) {
	private, err := token.GenerateKey(token.EdDSA) // the cheapest
	if err != nil {
		t.Fatal(err)
	}
	issuer := newIssuer(t, newKeySet(t, private), nil)
	seen := make(map[string]bool)
	for range 10_000 {
		id := issue(t, issuer, aliceMay("pull")).ID
		if bits := 5 * len(id); strings.Trim(id, base32Alphabet) != "" || bits < 128 || seen[id] {
			t.Fatalf("id %q has %d bits, seen before: %v", id, bits, seen[id])
		}
		seen[id] = true
	}
}

func TestAnOrdinaryTokenIsSmall(t *testing.T) {
	request := token.Request{Subject: "alice", Audience: service}
	for i := range 10 {
		request.Access = append(request.Access, scope.Scope{
			Type: "repository", Name: fmt.Sprintf("organisation/project/application-%d", i),
			Actions: []string{"pull", "push"},
		})
	}
	for _, algorithm := range algorithms {
		issued := issue(t, newIssuer(t, newKeySet(t, generateKey(t, algorithm)), nil), request)
		if len(issued.Value) > 4096 {
			t.Errorf("%s: %d bytes", algorithm, len(issued.Value))
		}
	}
}

func TestAnIssuedTokenDoesNotPrint(t *testing.T) {
	issued := issue(
		t, newIssuer(t, newKeySet(t, generateKey(t, token.ES256)), nil), aliceMay("pull"),
	)
	signature := strings.Split(string(issued.Value), ".")[2]
	encoded, err := json.Marshal(issued)
	if err != nil {
		t.Fatal(err)
	}
	all := []string{string(encoded)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		all = append(all, fmt.Sprintf(verb, issued))
	}
	for _, printed := range all {
		if strings.Contains(printed, signature) ||
			strings.Contains(printed, fmt.Sprintf("%x", signature)) {
			t.Errorf("printed: %s", printed)
		}
		if !strings.Contains(printed, "***") {
			t.Errorf("not redacted: %s", printed)
		}
	}
}
