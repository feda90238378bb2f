package doctor

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// TestRules has the points in which registries differ (and in which a token server may be wrong).
func TestRules(t *testing.T) {
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	signer := must(jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private}, nil))(t)
	now := time.Now()
	of28 := rules{algorithms: v28.algorithms(), leeway: time.Minute, issuer: testIssuer, service: testService}
	ofZot := rules{algorithms: algorithmsKnown(), issuedInPast: true}
	access := []map[string]any{{"type": "repository", "name": probeRepository, "actions": []string{"pull"}}}
	tests := []struct {
		name      string
		rules     rules
		claim     string // that is another one than usual
		value     any
		wantError string
	}{
		{"2.8 accepts what is right", of28, "sub", "", ""},
		{"zot accepts what is right", ofZot, "sub", "", ""},
		{"2.8 compares the issuer", of28, "iss", "other", `the issuer is "other"`},
		{"zot does not compare the issuer", ofZot, "iss", "other", ""},
		{"2.8 compares the audience", of28, "aud", "other", "the audience is other"},
		{"2.8 takes no list of audiences", of28, "aud", []string{testService}, "it expects the string"},
		{"zot does not compare the audience", ofZot, "aud", "other", ""},
		{"2.8 has a leeway for exp", of28, "exp", now.Add(-30 * time.Second).Unix(), ""},
		{"but not for ever", of28, "exp", now.Add(-2 * time.Minute).Unix(), "expired"},
		{"zot has no leeway for exp", ofZot, "exp", now.Add(-2 * time.Second).Unix(), "expired"},
		{"2.8 has a leeway for nbf", of28, "nbf", now.Add(30 * time.Second).Unix(), ""},
		{"but not for ever", of28, "nbf", now.Add(2 * time.Minute).Unix(), "future"},
		{"zot has no leeway for nbf", ofZot, "nbf", now.Add(2 * time.Second).Unix(), "future"},
		{"2.8 does not look at iat", of28, "iat", now.Add(time.Hour).Unix(), ""},
		{"zot refuses iat in the future", ofZot, "iat", now.Add(2 * time.Second).Unix(), "future"},
		{"access is required", of28, "access", []any{}, "does not allow"},
		{"* is no action of zot's", ofZot, "access", []map[string]any{{"type": "repository", "name": probeRepository, "actions": []string{"*"}}}, "does not allow"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			claims := map[string]any{
				"iss": testIssuer, "aud": testService, "access": access,
				"exp": now.Add(time.Minute).Unix(), "nbf": now.Unix(), "iat": now.Unix(),
			}
			claims[tt.claim] = tt.value
			raw := must(jwt.Signed(signer).Claims(claims).Serialize())(t)
			err := tt.rules.check(raw, func(jose.Header) (crypto.PublicKey, error) { return &private.PublicKey, nil }, now)
			if (err == nil) != (tt.wantError == "") || err != nil && !strings.Contains(err.Error(), tt.wantError) {
				t.Errorf("got %v, want %q", err, tt.wantError)
			}
		})
	}

	other := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	raw := must(jwt.Signed(signer).Claims(map[string]any{"access": access}).Serialize())(t)
	for name, find := range map[string]func(jose.Header) (crypto.PublicKey, error){
		"another key": func(jose.Header) (crypto.PublicKey, error) { return &other.PublicKey, nil },
		"no key":      func(jose.Header) (crypto.PublicKey, error) { return nil, errors.New("unknown") },
	} {
		if err := ofZot.check(raw, find, now); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	onlyRSA := rules{algorithms: []jose.SignatureAlgorithm{jose.RS256}}
	if err := onlyRSA.check(raw, nil, now); err == nil || !strings.Contains(err.Error(), "algorithm") {
		t.Errorf("an algorithm that it does not know: %v", err)
	}
}
