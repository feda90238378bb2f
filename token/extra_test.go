package token_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	josejson "github.com/go-jose/go-jose/v4/json"

	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

// payloadOf returns the claims of a token as they were signed.
func payloadOf(tb testing.TB, issued token.Token) []byte {
	tb.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(string(issued.Value), ".")[1])
	if err != nil {
		tb.Fatal(err)
	}
	return payload
}

func TestExtraClaimsComeBack(t *testing.T) {
	issuer := newIssuer(t, generateKey(t, token.ES256), nil)
	verifier, err := issuer.Verifier(service)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ extra, want map[string]any }{
		"none":     {nil, nil},
		"an empty": {map[string]any{}, nil},
		"texts, truth and null": {
			map[string]any{"tenant": "<acme> \u2028 \"é\"", "admin": true, "team": nil},
			map[string]any{"tenant": "<acme> \u2028 \"é\"", "admin": true, "team": nil},
		},
		"numbers, exactly": {
			map[string]any{"id": int64(math.MaxInt64), "ratio": 0.5},
			map[string]any{"id": json.Number("9223372036854775807"), "ratio": json.Number("0.5")},
		},
		"nested values": {
			map[string]any{"ctx": struct {
				Groups []string       `json:"groups"`
				Access map[string]int `json:"access"`
			}{[]string{"a", "b"}, map[string]int{"level": 3}}},
			map[string]any{"ctx": map[string]any{
				"groups": []any{"a", "b"}, "access": map[string]any{"level": json.Number("3")},
			}},
		},
		"names that only look reserved": {
			map[string]any{"issuer": "x", "accessed": 1, "https://example.com/sub": "y"},
			map[string]any{
				"issuer": "x", "accessed": json.Number("1"), "https://example.com/sub": "y",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			request := aliceMay("pull")
			request.Extra = test.extra
			claims, err := verifier.Verify(string(issue(t, issuer, request).Value))
			if err != nil || !reflect.DeepEqual(claims.Extra, test.want) {
				t.Errorf("extra %#v, error %v\nwant %#v", claims.Extra, err, test.want)
			}
			if claims.Subject != "alice" || !reflect.DeepEqual(claims.Access, request.Access) {
				t.Errorf("claims %+v", claims)
			}
			request.Extra = claims.Extra // a service passes claims on to another one
			again, err := verifier.Verify(string(issue(t, issuer, request).Value))
			if err != nil || !reflect.DeepEqual(again.Extra, test.want) {
				t.Errorf("again: extra %#v, error %v", again.Extra, err)
			}
		})
	}
}

func TestExtraClaimsFollowTheOthersInOrder(t *testing.T) {
	issuer := newIssuer(t, generateKey(t, token.ES256), nil)
	request := token.Request{Audience: service, Extra: map[string]any{"b": 1, "a": "x"}}
	payload := string(payloadOf(t, issue(t, issuer, request)))
	if !strings.HasPrefix(payload, `{"iss":`) ||
		!strings.HasSuffix(payload, `,"access":[],"a":"x","b":1}`) {
		t.Errorf("claims %s", payload)
	}
}

// Spellings of the claims that every token has, which decoders may take for them.
func reservedNames() []string {
	var names []string
	for _, name := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "access"} {
		names = append(names, name, strings.ToUpper(name), strings.ToUpper(name[:1])+name[1:])
	}
	return append(names, "acceſs", "accesſ", "iſs", "Iſſ", "ſub", "ac-cess", "s_u_b")
}

func TestExtraClaimsCannotBe(t *testing.T) {
	bad := map[string]map[string]any{
		"an empty name":             {"": "x"},
		"a name that is not UTF-8":  {"a\xff": "x"},
		"a channel":                 {"a": make(chan int)},
		"a function in a list":      {"a": []any{func() {}}},
		"not a number":              {"a": math.NaN()},
		"JSON that is none":         {"a": json.RawMessage("{")},
		"JSON that leaves its name": {"a": json.RawMessage(`1},{"access":[]`)},
		"a value that fails":        {"a": failing{}},
		"a bad one beside a good":   {"a": "x", "sub": "y"},
		"more than 16 KiB":          {"a": strings.Repeat("x", 8<<10), "b": strings.Repeat("y", 8<<10)},
	}
	for _, name := range reservedNames() {
		bad["the name "+name] = map[string]any{name: "secret"}
	}
	issuer := newIssuer(t, generateKey(t, token.ES256), nil)
	for name, extra := range bad {
		t.Run(name, func(t *testing.T) {
			request := aliceMay("pull")
			request.Extra = extra
			issued, err := issuer.Issue(t.Context(), request)
			if err == nil || issued != (token.Token{}) {
				t.Fatalf("issued %+v, error %v", issued, err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error has the value: %v", err)
			}
		})
	}
}

// failing is a value whose encoding fails with an error that quotes it.
type failing struct{}

func (failing) MarshalJSON() ([]byte, error) { return nil, errors.New("the secret is hunter2") }

// A decoded token has what registries read. Distribution decodes with encoding/json.
type decoded struct {
	Issuer   string        `json:"iss"`
	Subject  string        `json:"sub"`
	Audience string        `json:"aud"`
	ID       string        `json:"jti"`
	Expires  int64         `json:"exp"`
	Begins   int64         `json:"nbf"`
	Issued   int64         `json:"iat"`
	Access   []scope.Scope `json:"access"`
}

// Some names are refused that no decoder of today takes for a claim. The reverse must not happen.
func TestNoAcceptedNameChangesAClaimForADecoder(t *testing.T) {
	issuer := newIssuer(t, generateKey(t, token.EdDSA), nil)
	names := append(reservedNames(), "acces", "access ", "access\x00", "acc\u0435ss", "ISSU", "ﬆ",
		"ac\u00adcess", "iss\u200b", "ıss", "İss", "ＳＵＢ", "ѕub", "jtı", "A CCESS")
	for _, name := range names {
		for i := range []rune(name) {
			neighbour := []rune(name)
			neighbour[i]++
			names = append(names, string(neighbour))
		}
	}
	for _, name := range names {
		request := aliceMay("pull")
		request.Extra = map[string]any{name: []scope.Scope{{
			Type: "repository", Name: "alice/app", Actions: []string{"delete"},
		}}}
		if issued, err := issuer.Issue(t.Context(), request); err == nil {
			requireClaims(t, issuer, request, issued)
		}
	}
}

// requireClaims checks that all decoders read what was asked for.
func requireClaims(
	tb testing.TB, issuer *token.Issuer, request token.Request, issued token.Token,
) {
	tb.Helper()
	access := scope.Merge(request.Access)
	want := decoded{
		issuerName, request.Subject, request.Audience, issued.ID, issued.ExpiresAt.Unix(),
		issued.IssuedAt.Unix() - 5, issued.IssuedAt.Unix() - 5, access,
	}
	for name, decode := range map[string]func([]byte, any) error{
		"encoding/json": json.Unmarshal, "go-jose": josejson.Unmarshal,
	} {
		var got decoded
		if err := decode(payloadOf(tb, issued), &got); err != nil || !reflect.DeepEqual(got, want) {
			tb.Errorf("%s with %q: %+v, error %v\nwant %+v", name, request.Extra, got, err, want)
		}
	}
	verifier, err := issuer.Verifier(request.Audience)
	if err != nil {
		tb.Fatal(err)
	}
	claims, err := verifier.Verify(string(issued.Value))
	if err != nil || claims.Subject != request.Subject || claims.ID != issued.ID ||
		!claims.ExpiresAt.Equal(issued.ExpiresAt) || !reflect.DeepEqual(claims.Access, access) ||
		len(claims.Extra) != len(request.Extra) {
		tb.Errorf("verified with %q: %+v, error %v", request.Extra, claims, err)
	}
}

func TestATokenEndsWithTheCredentials(t *testing.T) {
	key, lifetime := generateKey(t, token.ES256), 5*time.Minute
	const half, second = time.Second / 2, time.Second // the clock is at half a second
	for name, test := range map[string]struct {
		validFor  time.Duration
		want, end time.Duration // from now on; zero is an error
	}{
		"long after the lifetime":  {time.Hour, lifetime, lifetime + half},
		"at the end of the token":  {lifetime + half, lifetime, lifetime + half},
		"just before that":         {lifetime + half - 1, lifetime - second, lifetime - half},
		"at the end of a lifetime": {lifetime, lifetime - second, lifetime - half},
		"in two minutes":           {2 * time.Minute, 2*time.Minute - second, 2*time.Minute - half},
		"in a minute and a little": {61*second + half, 61 * second, 61*second + half},
		"in less than a minute":    {second, time.Minute, time.Minute + half},
		"in a moment":              {1, time.Minute, time.Minute + half},
		"now":                      {0, 0, 0},
		"a moment ago":             {-1, 0, 0},
		"centuries ago":            {math.MinInt64, 0, 0},
		"in centuries":             {math.MaxInt64, lifetime, lifetime + half},
	} {
		t.Run(name, func(t *testing.T) {
			now := newClock().Now().Add(time.Second / 2)
			issuer := newIssuer(t, key, func() time.Time { return now })
			request := aliceMay("pull")
			request.ValidUntil = now.Add(test.validFor).In(time.FixedZone("", 3600))
			issued, err := issuer.Issue(t.Context(), request)
			if test.want == 0 {
				if !errors.Is(err, token.ErrCredentialsExpired) || issued != (token.Token{}) {
					t.Errorf("issued %+v, error %v", issued, err)
				}
				return
			}
			_, claims := decode(t, issued.Value)
			if end := issued.ExpiresAt.Sub(now); err != nil || issued.Lifetime != test.want ||
				end != test.end || claims["exp"] != float64(issued.ExpiresAt.Unix()) {
				t.Errorf("%v until %v, exp %v, error %v", issued.Lifetime, end, claims["exp"], err)
			}
		})
	}
}

// With any extra claims, Issue fails, or all decoders read the same as without them.
func FuzzExtraClaims(f *testing.F) {
	key, err := token.GenerateKey(token.EdDSA)
	if err != nil {
		f.Fatal(err)
	}
	issuer := newIssuer(f, key, nil)
	f.Add("tenant", []byte(`{"id":7,"groups":["a"]}`), "admin", []byte(`true`))
	f.Add("acceſs", []byte(`[]`), "IAT", []byte(`1e999`))
	f.Add("a", []byte(`1},{"access":[]`), "a\",\"sub", []byte(`{"a":1,"a":2}`))
	f.Add("_", []byte(`"\ud800"`), "\xff", []byte("\"\xff\""))
	f.Fuzz(func(t *testing.T, name string, value []byte, name2 string, value2 []byte) {
		if len(name)+len(value)+len(name2)+len(value2) > 1000 {
			return // a verifier refuses tokens above 16 KiB
		}
		request := aliceMay("pull", "push")
		request.Extra = map[string]any{
			name: json.RawMessage(value), name2: json.RawMessage(value2),
		}
		if issued, err := issuer.Issue(t.Context(), request); err == nil {
			requireClaims(t, issuer, request, issued)
		}
	})
}
