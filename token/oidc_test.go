package token_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/berthpass/registry-auth/token"
)

// provider is an identity provider with an RSA key, as most have.
type provider struct {
	t      *testing.T
	signer *rsa.PrivateKey
}

func newProvider(t *testing.T) provider {
	t.Helper()
	signer, ok := privateKey(t, testdata(t, "rsa2048-pkcs8.pem")).(*rsa.PrivateKey)
	if !ok {
		t.Fatal("not an RSA key")
	}
	return provider{t, signer}
}

// jwks has the signing key under a name of the provider, and a key for encryption beside it.
func (p provider) jwks() []byte {
	p.t.Helper()
	certificate := certify(p.t, &x509.Certificate{
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, nil, p.signer)
	data, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: generateRSAPublic(p.t), KeyID: "enc-1", Algorithm: "RSA-OAEP", Use: "enc"},
		{
			Key: p.signer.Public(), KeyID: "sig-1", Algorithm: "RS256", Use: "sig",
			Certificates: []*x509.Certificate{certificate},
		},
	}})
	if err != nil {
		p.t.Fatal(err)
	}
	return data
}

func generateRSAPublic(tb testing.TB) crypto.PublicKey {
	tb.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	return private.Public()
}

// sign is RS256 (RFC 7518, section 3.3).
func (p provider) sign(claims string) string {
	p.t.Helper()
	input := b64(`{"alg":"RS256","kid":"sig-1","typ":"JWT","x5t":"AQIDBA"}`) + "." + b64(claims)
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, p.signer, crypto.SHA256, digest[:])
	if err != nil {
		p.t.Fatal(err)
	}
	return input + "." + b64(string(signature))
}

// idToken has the claims of OpenID Connect Core 1.0, section 2, and some of Keycloak and Entra.
func idToken(audience string, end time.Time) string {
	return fmt.Sprintf(`{"iss":"https://login.example.com/realms/a","sub":"248289761001",
		"aud":%s,"exp":%d,"iat":%d,"auth_time":%d,"nonce":"n-0S6_WzA2Mj","azp":"registry",
		"sid":"08a5019c","email":"alice@example.com","email_verified":true,"ver":2.0,
		"realm_access":{"roles":["dev","ops"]},"resource_access":{"registry":{"roles":["push"]}}}`,
		audience, end.Unix(), end.Unix()-300, end.Unix()-9000)
}

func TestTheIDTokenOfAnIdentityProviderIsVerified(t *testing.T) {
	p := newProvider(t)
	keys, err := token.ParseJWKS(p.jwks())
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(token.VerifierConfig{
		Issuer: "https://login.example.com/realms/a", Audience: "registry", Keys: keys,
	})
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(5 * time.Minute).UTC().Truncate(time.Second)
	for name, test := range map[string]struct {
		claims string
		want   error
	}{
		"one audience":     {idToken(`"registry"`, end), nil},
		"several":          {idToken(`["account","registry"]`, end), nil},
		"another audience": {idToken(`["account"]`, end), token.ErrAudience},
		"expired":          {idToken(`"registry"`, end.Add(-10*time.Minute)), token.ErrExpired},
		"of another realm": {
			strings.Replace(idToken(`"registry"`, end), "realms/a", "realms/b", 1), token.ErrIssuer,
		},
	} {
		t.Run(name, func(t *testing.T) {
			claims, err := verifier.Verify(p.sign(test.claims))
			if !errors.Is(err, test.want) {
				t.Fatalf("error %v, want %v", err, test.want)
			}
			if err != nil {
				return
			}
			want := token.Claims{
				Issuer: "https://login.example.com/realms/a", Subject: "248289761001",
				Audience: "registry", ExpiresAt: end, IssuedAt: end.Add(-5 * time.Minute),
				Extra: map[string]any{
					"auth_time": json.Number(strconv.FormatInt(end.Unix()-9000, 10)),
					"nonce":     "n-0S6_WzA2Mj", "azp": "registry", "sid": "08a5019c",
					"email": "alice@example.com", "email_verified": true, "ver": json.Number("2.0"),
					"realm_access": map[string]any{"roles": []any{"dev", "ops"}},
					"resource_access": map[string]any{
						"registry": map[string]any{"roles": []any{"push"}},
					},
				},
			}
			if !reflect.DeepEqual(claims, want) {
				t.Errorf("claims %+v\nwant %+v", claims, want)
			}
		})
	}
}
