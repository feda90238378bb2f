package jwt_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/authntest"
	"github.com/berthpass/registry-auth/authn/jwt"
	"github.com/berthpass/registry-auth/token"
)

func TestJWTsKeepTheContractOfASource(t *testing.T) {
	p := newProvider()
	server := httptest.NewServer(p.handler)
	defer server.Close()
	p.issuer = server.URL
	until := time.Now().Add(time.Hour).Truncate(time.Second)
	authntest.Run(t, authntest.Suite{
		Source: newSource(t, jwt.Config{Issuer: p.issuer, Audience: audience}),
		Logins: []authntest.Login{{
			Request:       request(p.jwt(map[string]any{"exp": until.Unix()})),
			Subject:       authn.Subject{Name: "248289761001", ValidUntil: until},
			Unconfirmable: true, Offline: true,
		}},
		Wrong:   []authn.Request{request(p.jwt(map[string]any{"aud": "another"}))},
		Unknown: []authn.Request{request("wonderland"), request(newProvider().jwt(nil))},
		Break:   server.Close,
	})
}

func TestAProviderWithTLS(t *testing.T) {
	p := newProvider()
	server := httptest.NewUnstartedServer(p.handler)
	server.Config.ErrorLog = log.New(t.Output(), "", 0)
	server.StartTLS()
	defer server.Close()
	p.issuer = server.URL
	config := jwt.Config{Issuer: p.issuer, Audience: audience, Client: server.Client()}
	if _, err := login(t, newSource(t, config), p.jwt(nil)); err != nil {
		t.Error(err)
	}
	config.Client, config.Logger = nil, p.config().Logger
	if _, err := login(t, newSource(t, config), p.jwt(nil)); !isOutage(err) {
		t.Errorf("a CA that nobody knows: %v", err)
	}
}

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// symmetric is the JWT of somebody who takes the public key for an HMAC key.
func (p *provider) symmetric() string {
	der := must(x509.MarshalPKIXPublicKey(p.key.Public()))
	key := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	named := jose.JSONWebKey{Key: key, KeyID: "1"}
	return sign(jose.SigningKey{Algorithm: jose.HS256, Key: named}, "", p.claims(nil))
}

func TestWhatIsAccepted(t *testing.T) {
	p, stranger := newProvider(), newProvider()
	with := func(name string, value any) string { return p.jwt(map[string]any{name: value}) }
	typed := func(kid, typ string) string {
		key := jose.JSONWebKey{Key: p.key, KeyID: kid}
		return sign(jose.SigningKey{Algorithm: jose.ES256, Key: key}, typ, p.claims(nil))
	}
	after := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	good := p.jwt(nil)
	parts := strings.Split(good, ".")
	payload := b64(`{"iss":"` + p.issuer + `"}`)
	upper := b64(`{"ISS":"` + p.issuer + `"}`)
	header := b64(`{"alg":"ES256"}`)
	unsigned := b64(`{"alg":"none","kid":"1"}`) + "." + parts[1] + "."
	for name, test := range map[string]struct {
		raw  string
		want error
	}{
		"no typ":                      {good, nil},
		"typ JWT":                     {typed("1", "JWT"), nil},
		"typ at+jwt":                  {typed("1", "at+jwt"), authn.ErrRejected},
		"a list of audiences":         {with("aud", []string{"other", audience}), nil},
		"another audience":            {with("aud", "other"), authn.ErrRejected},
		"no audience":                 {with("aud", nil), authn.ErrRejected},
		"no sub":                      {with("sub", nil), authn.ErrRejected},
		"an empty sub":                {with("sub", ""), authn.ErrRejected},
		"a sub of another type":       {with("sub", 7), authn.ErrRejected},
		"expired":                     {with("exp", after(-time.Hour)), authn.ErrRejected},
		"expired within the leeway":   {with("exp", after(-time.Second)), authn.ErrRejected},
		"no exp":                      {with("exp", nil), authn.ErrRejected},
		"an exp without a value":      {with("exp", json.RawMessage("1e400")), authn.ErrRejected},
		"nbf in the future":           {with("nbf", after(time.Hour)), authn.ErrRejected},
		"nbf within the leeway":       {with("nbf", after(30*time.Second)), nil},
		"another iss":                 {with("iss", "https://other.example.com"), authn.ErrNoMatch},
		"an iss with a slash":         {with("iss", p.issuer+"/"), authn.ErrNoMatch},
		"no iss":                      {with("iss", nil), authn.ErrNoMatch},
		"an iss of another type":      {with("iss", []string{p.issuer}), authn.ErrNoMatch},
		"ISS":                         {header + "." + upper + ".", authn.ErrNoMatch},
		"alg none":                    {unsigned, authn.ErrRejected},
		"alg none with a signature":   {unsigned + parts[2], authn.ErrRejected},
		"an HMAC with the public key": {p.symmetric(), authn.ErrRejected},
		"another key under its kid":   {stranger.jwt(nil), authn.ErrRejected},
		"changed claims":              {parts[0] + "." + payload + "." + parts[2], authn.ErrRejected},
		"no kid":                      {typed("", ""), authn.ErrRejected},
		"no password":                 {"", authn.ErrNoMatch},
		"a password":                  {"wonderland", authn.ErrNoMatch},
		"a password with dots":        {"a.b.c", authn.ErrNoMatch},
		"the beginning of a header":   {"eyJ..", authn.ErrNoMatch},
		"two parts":                   {parts[0] + "." + parts[1], authn.ErrNoMatch},
		"four parts":                  {good + ".", authn.ErrNoMatch},
		"a header with more after it": {header + "!." + payload + ".", authn.ErrNoMatch},
		"a header without alg":        {b64(`{"typ":"JWT"}`) + "." + payload + ".", authn.ErrNoMatch},
		"a header that is null":       {b64(`null`) + "." + payload + ".", authn.ErrNoMatch},
		"claims that are a list":      {parts[0] + "." + b64(`[]`) + ".", authn.ErrNoMatch},
		"a signature that is no text": {parts[0] + "." + parts[1] + ".!", authn.ErrNoMatch},
	} {
		t.Run(name, func(t *testing.T) {
			subject, err := login(t, newSource(t, p.config()), test.raw)
			if !errors.Is(err, test.want) {
				t.Fatalf("error %v, want %v", err, test.want)
			}
			if (err == nil) != (subject.Name == "248289761001") {
				t.Errorf("%+v, with error %v", subject, err)
			}
			for part := range strings.SplitSeq(test.raw, ".") {
				if err != nil && len(part) > 3 && strings.Contains(err.Error(), part) {
					t.Errorf("the error has a part of the password: %v", err)
				}
			}
		})
	}
}

func TestCredentialsOfAnotherKindAreNoMatch(t *testing.T) {
	source := newSource(t, newProvider().config())
	_, err := source.Authenticate(t.Context(), authn.Request{Other: "crumb"})
	if !errors.Is(err, authn.ErrNoMatch) {
		t.Error(err)
	}
}

// JWTs of another issuer cost no fetch, and no outage of the first provider hides the second one.
func TestAChainFindsTheIssuer(t *testing.T) {
	first, second := newProvider(), newProvider()
	second.issuer = "https://second.example.com"
	first.fail(errors.New("connection refused"), 0)
	both := authn.Chain(newSource(t, first.config()), newSource(t, second.config()))
	if _, err := login(t, both, second.jwt(nil)); err != nil || first.fetched() != 0 {
		t.Errorf("%v, after %d fetches from the other provider", err, first.fetched())
	}
	if _, err := login(t, both, first.jwt(nil)); !isOutage(err) {
		t.Errorf("error %v, want an outage", err)
	}
}

func TestTheSubjectIsThatOfTheFunction(t *testing.T) {
	p := newProvider()
	exp := time.Now().Add(time.Hour).Truncate(time.Second)
	raw := p.jwt(map[string]any{
		"exp": exp.Unix(), "realm": map[string]any{"roles": []string{"dev"}},
	})
	down, earlier := errors.New("the database is down"), exp.Add(-time.Minute)
	alice := authn.Subject{Name: "alice", ValidUntil: exp}
	aliceUntil := authn.Subject{Name: "alice", ValidUntil: earlier}
	later := authn.Subject{Name: "alice", ValidUntil: exp.Add(time.Minute)}
	for name, test := range map[string]struct {
		returned authn.Subject
		err      error
		want     authn.Subject
		wantErr  error
		outage   bool
	}{
		"a name":          {returned: authn.Subject{Name: "alice"}, want: alice},
		"an earlier end":  {returned: aliceUntil, want: aliceUntil},
		"a later end":     {returned: later, want: alice},
		"a stamp":         {returned: authn.Subject{Name: "alice", Stamp: "row 1"}, want: alice},
		"no name":         {outage: true},
		"an unknown user": {returned: alice, err: authn.ErrNoMatch, wantErr: authn.ErrNoMatch},
		"a disabled user": {returned: alice, err: authn.ErrRejected, wantErr: authn.ErrRejected},
		"an outage":       {returned: alice, err: down, wantErr: down, outage: true},
		"an end that has passed": {
			returned: authn.Subject{Name: "alice", ValidUntil: time.Now().Add(-time.Second)},
			wantErr:  authn.ErrRejected,
		},
	} {
		t.Run(name, func(t *testing.T) {
			type key struct{}
			config := p.config()
			config.Subject = func(ctx context.Context, c token.Claims) (authn.Subject, error) {
				realm := map[string]any{"roles": []any{"dev"}}
				if ctx.Value(key{}) == nil || !reflect.DeepEqual(c.Extra["realm"], realm) {
					t.Errorf("the claims are %+v, or the context is another one", c)
				}
				return test.returned, test.err
			}
			ctx := context.WithValue(t.Context(), key{}, 1)
			got, err := newSource(t, config).Authenticate(ctx, request(raw))
			if !got.Equal(test.want) {
				t.Errorf("%+v, want %+v", got, test.want)
			}
			if test.outage && !isOutage(err) || !test.outage && !errors.Is(err, test.wantErr) {
				t.Errorf("error %v, want %v", err, test.wantErr)
			}
		})
	}
}

// One that returns a fixed subject would otherwise let everybody in as it.
func TestTheFunctionIsNotAskedWithoutASub(t *testing.T) {
	p := newProvider()
	config := p.config()
	config.Subject = func(context.Context, token.Claims) (authn.Subject, error) {
		t.Error("it was asked")
		return authn.Subject{Name: "alice"}, nil
	}
	_, err := login(t, newSource(t, config), p.jwt(map[string]any{"sub": ""}))
	if !errors.Is(err, authn.ErrRejected) {
		t.Error(err)
	}
}

func TestTheConfigIsChecked(t *testing.T) {
	for name, test := range map[string]struct {
		issuer, audience, keysURL string
		valid                     bool
	}{
		"nothing":                      {"", "", "", false},
		"no issuer":                    {"", "a", "https://idp.example.com/keys", false},
		"no audience":                  {"https://idp.example.com", "", "", false},
		"discovery":                    {"https://idp.example.com", "a", "", true},
		"discovery on this host":       {"http://127.0.0.1:5556/dex", "a", "", true},
		"discovery by http":            {"http://idp.example.com", "a", "", false},
		"an issuer that is no URL":     {"accounts.example.com", "a", "", false},
		"with the URL of its keys":     {"accounts.example.com", "a", "https://example.com/k", true},
		"keys on localhost":            {"i", "a", "http://localhost:1/k", true},
		"keys on ::1":                  {"i", "a", "http://[::1]/k", true},
		"keys by http":                 {"i", "a", "http://example.com/k", false},
		"a host that begins alike":     {"i", "a", "http://localhost.example.com/k", false},
		"keys on another local host":   {"i", "a", "http://10.0.0.1/k", false},
		"a user info that looks local": {"i", "a", "http://localhost@example.com/k", false},
		"keys by ftp":                  {"i", "a", "ftp://localhost/k", false},
		"keys in a file":               {"i", "a", "file:///etc/keys", false},
		"no host":                      {"i", "a", "https:///keys", false},
		"no URL":                       {"i", "a", "https://[/keys", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := jwt.New(jwt.Config{
				Issuer: test.issuer, Audience: test.audience, KeysURL: test.keysURL,
			})
			if (err == nil) != test.valid {
				t.Errorf("error %v", err)
			}
		})
	}
}
