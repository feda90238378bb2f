package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	jose "github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"

	"github.com/berthpass/registry-auth/examples/internal/testkit"
	"github.com/berthpass/registry-auth/token"
)

func algorithms() []token.Algorithm {
	return []token.Algorithm{token.ES256, "ES384", "ES512", token.EdDSA, token.RS256}
}

// Tokens are put together by this library, so others have to agree that they are tokens: the two
// libraries with which registries read them, and the registries.
func TestOthersReadTheTokens(t *testing.T) {
	for _, algorithm := range algorithms() {
		key := testkit.Must(token.GenerateKey(algorithm))(t)
		raw := startRotatingServer(t, key).pullToken(t)
		t.Run(string(algorithm)+" with go-jose", func(t *testing.T) {
			parsed := testkit.Must(josejwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)}))(t)
			var claims josejwt.Claims
			if err := parsed.Claims(key.Public(), &claims); err != nil || claims.Issuer != issuerName {
				t.Errorf("claims %+v, error %v", claims, err)
			}
		})
		t.Run(string(algorithm)+" with golang-jwt, as zot does", func(t *testing.T) {
			parser := jwt.NewParser(jwt.WithValidMethods([]string{string(algorithm)}), jwt.WithIssuedAt(), jwt.WithAudience(serviceName))
			parsed, err := parser.Parse(raw, func(*jwt.Token) (any, error) { return key.Public(), nil })
			if err != nil || !parsed.Valid {
				t.Errorf("token %+v, error %v", parsed, err)
			}
		})
	}
}

func TestRegistriesTakeTheAlgorithms(t *testing.T) {
	for _, kind := range distributions() {
		for _, algorithm := range algorithms() {
			if algorithm == token.EdDSA && strings.HasSuffix(kind.name, "2.8") {
				continue // see TestDistribution28DoesNotKnowEd25519
			}
			t.Run(kind.name+" "+string(algorithm), func(t *testing.T) {
				key := testkit.Must(token.GenerateKey(algorithm))(t)
				tokens := startRotatingServer(t, key)
				registry := kind.start(t, tokens.tokenServer)
				if status := pullStatus(t, registry, tokens.pullToken(t)); status != http.StatusNotFound { // there is no such image
					t.Errorf("a pull with the token is answered %d", status)
				}
				if status := pullStatus(t, registry, tokens.pullToken(t)+"x"); status != http.StatusUnauthorized {
					t.Errorf("a pull with a damaged token is answered %d", status)
				}
			})
		}
	}
}

// What the documentation warns of.
func TestDistribution28DoesNotKnowEd25519(t *testing.T) {
	path := testkit.Program(t, "docker-registry", "apt-get install docker-registry")
	key := testkit.Must(token.GenerateKey(token.EdDSA))(t)
	folder := t.TempDir()
	bundle, config := filepath.Join(folder, "bundle.pem"), filepath.Join(folder, "config.yml")
	testkit.Must(0, os.WriteFile(bundle, key.CertificatePEM(), 0o600))(t)
	testkit.Must(0, os.WriteFile(config, []byte(`version: 0.1
storage: {inmemory: {}}
http: {net: unix, addr: "`+filepath.Join(folder, "http.sock")+`"}
auth: {token: {realm: "http://localhost/token", service: s, issuer: i, rootcertbundle: "`+bundle+`"}}
`), 0o600))(t)
	output, err := exec.CommandContext(t.Context(), path, "serve", config).CombinedOutput()
	if err == nil || !strings.Contains(string(output), "unable to configure authorization") {
		t.Errorf("it starts, or ends for another reason: %v\n%s", err, output)
	}
}
