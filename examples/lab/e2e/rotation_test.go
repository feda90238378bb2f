package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	"github.com/sirupsen/logrus"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/examples/internal/testkit"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

// Registries have the certificate of an authority, and the keys below it come and go: by the clock,
// and by hand. No registry is restarted or told, and no pull fails.
func TestRenewedKeysAreNotNoticed(t *testing.T) {
	for _, kind := range distributions() {
		t.Run(kind.name, func(t *testing.T) {
			authority := testkit.Must(token.GenerateAuthority(""))(t)
			var clock offsetClock // of the keys alone: certificates begin an hour back, so it may go on for that long
			keys := testkit.Must(authority.NewKeys(token.AuthorityKeysConfig{
				Lifetime: 10 * time.Minute, // the least that is accepted
				Logger:   slog.New(slog.DiscardHandler),
				Now:      clock.now,
			}))(t)
			tokens := startRotatingServer(t, keys.KeySet())
			if !bytes.Equal(testkit.Must(os.ReadFile(tokens.bundle))(t), authority.CertificatePEM()) {
				t.Fatal("the bundle is not the authority alone")
			}
			registry := kind.start(t, tokens.tokenServer)
			put(t, registry.ref(helloRepository, ":1"), newImage(t))
			pulls := startPulls(t, registry)
			signed := map[string]bool{}
			for clock.elapsed() < 50*time.Minute {
				pulls.more(t)
				signed[keys.KeySet().Signing().ID()] = true
				clock.advance(2 * time.Minute)
			}
			byClock := len(signed)
			for range 5 {
				testkit.Must(0, keys.Renew())(t)
				pulls.more(t)
				signed[keys.KeySet().Signing().ID()] = true
			}
			pulls.stop()
			t.Logf("%d pulls with %d keys", pulls.count.Load(), len(signed))
			if byClock < 4 || len(signed) != byClock+5 {
				t.Errorf("%d keys by the clock, %d in all", byClock, len(signed))
			}
		})
	}
}

// What stands in x5c decides what a registry with the certificate of an authority in its bundle
// accepts.
func TestChainsBelowAnAuthority(t *testing.T) {
	root := newCA(t, nil)     // as GenerateAuthority makes it, but of which the private key is here
	below := newCA(t, root)   // an authority below another one
	stranger := newCA(t, nil) // an authority that nobody knows
	private := testkit.Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	day := 24 * time.Hour
	leaf := root.certify(t, private, -day, day)
	tests := []struct {
		name  string
		chain []*x509.Certificate
		want  int
	}{
		{"leaf, authority", []*x509.Certificate{leaf, root.certificate}, http.StatusOK},
		{"the leaf alone, since the authority is in the bundle", []*x509.Certificate{leaf}, http.StatusOK},
		{"leaf, authority below the one in the bundle", []*x509.Certificate{below.certify(t, private, -day, day), below.certificate}, http.StatusOK},
		{"the leaf alone, below an authority that is not in the bundle", []*x509.Certificate{below.certify(t, private, -day, day)}, http.StatusUnauthorized},
		{"an expired leaf", []*x509.Certificate{root.certify(t, private, -2*day, -time.Minute), root.certificate}, http.StatusUnauthorized},
		{"a leaf of the future", []*x509.Certificate{root.certify(t, private, time.Hour, day), root.certificate}, http.StatusUnauthorized},
		{"a leaf of another authority", []*x509.Certificate{stranger.certify(t, private, -day, day), stranger.certificate}, http.StatusUnauthorized},
		{"a leaf of another authority with the right authority", []*x509.Certificate{stranger.certify(t, private, -day, day), root.certificate}, http.StatusUnauthorized},
		{"a leaf of another key", []*x509.Certificate{root.certify(t, root.private, -day, day), root.certificate}, http.StatusUnauthorized},
		{"no chain, but a kid", nil, http.StatusUnauthorized},
	}
	for _, kind := range distributions() {
		t.Run(kind.name, func(t *testing.T) {
			// The image is pushed with tokens of keys that the token server made below the same authority.
			rootKey := testkit.Must(token.NewKey(root.private, root.certificate))(t)
			authority := testkit.Must(token.NewAuthority(rootKey))(t)
			keys := testkit.Must(authority.NewKeys(token.AuthorityKeysConfig{}))(t)
			registry := kind.start(t, startRotatingServer(t, keys.KeySet()).tokenServer)
			put(t, registry.ref(helloRepository, ":1"), newImage(t))
			for _, test := range tests {
				t.Run(test.name, func(t *testing.T) {
					if status := pullStatus(t, registry, signByHand(t, private, test.chain)); status != test.want {
						t.Errorf("status %d, want %d", status, test.want)
					}
				})
			}
		})
	}
}

// A key with a certificate of its own is changed as an operator does it: add, tell the registries,
// promote, wait, retire.
func TestRotationByHand(t *testing.T) {
	for _, kind := range distributions() {
		t.Run(kind.name, func(t *testing.T) {
			old, next := testkit.Must(token.GenerateKey(""))(t), testkit.Must(token.GenerateKey(""))(t)
			keys := testkit.Must(token.NewKeySet(old))(t)
			tokens := startRotatingServer(t, keys)
			untold := kind.start(t, tokens.tokenServer) // is forgotten
			put(t, untold.ref(helloRepository, ":1"), newImage(t))

			testkit.Must(0, keys.Add(next))(t)
			tokens.publish(t, keys)
			registry := kind.start(t, tokens.tokenServer) // with both certificates
			put(t, registry.ref(helloRepository, ":1"), newImage(t))
			pulls := startPulls(t, registry)
			pulls.more(t)
			oldToken := tokens.pullToken(t)
			wantStatus(t, registry, oldToken, http.StatusOK)

			testkit.Must(0, keys.Promote(next.ID()))(t)
			pulls.more(t)
			wantStatus(t, registry, oldToken, http.StatusOK)
			nextToken := tokens.pullToken(t)
			wantStatus(t, registry, nextToken, http.StatusOK)
			wantStatus(t, untold, nextToken, http.StatusUnauthorized) // hence the order

			testkit.Must(0, keys.Retire(old.ID()))(t)
			pulls.more(t)
			pulls.stop()
			tokens.publish(t, keys)
			registry = kind.start(t, tokens.tokenServer) // at its next start, whenever that is
			put(t, registry.ref(helloRepository, ":1"), newImage(t))
			wantStatus(t, registry, oldToken, http.StatusUnauthorized)
			wantStatus(t, registry, nextToken, http.StatusOK)
			t.Logf("%d pulls", pulls.count.Load())
		})
	}
}

// Distribution 3 with a JWKS file reads it at start, too.
func TestRotationByHandWithJWKS(t *testing.T) {
	withoutCertificate := func() *token.Key {
		return testkit.Must(token.NewKey(testkit.Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)))(t)
	}
	old, next := withoutCertificate(), withoutCertificate()
	keys := testkit.Must(token.NewKeySet(old))(t)
	tokens := startRotatingServer(t, keys)
	untold := startWithJWKS(t, tokens)
	put(t, untold.ref(helloRepository, ":1"), newImage(t))

	testkit.Must(0, keys.Add(next))(t)
	tokens.publish(t, keys)
	registry := startWithJWKS(t, tokens)
	put(t, registry.ref(helloRepository, ":1"), newImage(t))
	pulls := startPulls(t, registry)
	pulls.more(t)
	oldToken := tokens.pullToken(t)
	testkit.Must(0, keys.Promote(next.ID()))(t)
	pulls.more(t)
	wantStatus(t, registry, oldToken, http.StatusOK)
	wantStatus(t, untold, tokens.pullToken(t), http.StatusUnauthorized)
	testkit.Must(0, keys.Retire(old.ID()))(t)
	pulls.more(t)
	pulls.stop()

	// Where there is an x5c the kid is not looked at, so a JWKS file alone does not do for keys
	// with certificates.
	certified := testkit.Must(token.GenerateKey(""))(t)
	testkit.Must(0, keys.Add(certified))(t)
	testkit.Must(0, keys.Promote(certified.ID()))(t)
	tokens.publish(t, keys)
	wantStatus(t, startWithJWKS(t, tokens), tokens.pullToken(t), http.StatusUnauthorized)
}

// distributions are the registries that have a rootcertbundle.
func distributions() []registryKind {
	return slices.DeleteFunc(registryKinds(), func(kind registryKind) bool { return !strings.HasPrefix(kind.name, "distribution") })
}

// A rotatingServer is a token server whose keys change.
type rotatingServer struct {
	*tokenServer
	issuer *token.Issuer
	jwks   string // file
}

func startRotatingServer(t *testing.T, keys token.Keys) *rotatingServer {
	t.Helper()
	// Tokens of a minute, so that the keys may be short-lived as well.
	issuer := testkit.Must(token.NewIssuer(token.IssuerConfig{
		Name: issuerName, Keys: keys, Lifetime: time.Minute,
	}))(t)
	audit := new(auditLog)
	server := httptest.NewServer(testkit.Must(auth.NewServer(auth.Config{
		Services:         auth.ServiceMap{serviceName: issuer},
		Authenticator:    users(t),
		AnonymousAllowed: true,
		Authorizer:       policy(),
		Audit:            audit.add,
	}))(t))
	t.Cleanup(server.Close)
	folder := t.TempDir()
	s := &rotatingServer{
		tokenServer: &tokenServer{realm: "http://" + localhost(server) + "/token", bundle: filepath.Join(folder, "bundle.pem"), audit: audit},
		issuer:      issuer,
		jwks:        filepath.Join(folder, "jwks.json"),
	}
	s.publish(t, issuer.KeySet())
	return s
}

// publish writes the files that registries read at start.
func (s *rotatingServer) publish(t *testing.T, keys *token.KeySet) {
	t.Helper()
	testkit.Must(0, os.WriteFile(s.bundle, keys.BundlePEM(), 0o600))(t)
	testkit.Must(0, os.WriteFile(s.jwks, keys.JWKS(), 0o600))(t)
}

// pullToken returns a token that allows to pull.
func (s *rotatingServer) pullToken(t *testing.T) string {
	t.Helper()
	request := token.Request{Audience: serviceName, Access: mayPullHello()}
	return string(testkit.Must(s.issuer.Issue(t.Context(), request))(t).Value)
}

func mayPullHello() []scope.Scope {
	return []scope.Scope{{Type: scope.TypeRepository, Name: helloRepository, Actions: []string{scope.ActionPull}}}
}

func startWithJWKS(t *testing.T, tokens *rotatingServer) *registry {
	t.Helper()
	logrus.SetOutput(io.Discard)
	app := handlers.NewApp(context.Background(), &configuration.Configuration{ //nolint:usetesting // must outlive the last request
		Storage: configuration.Storage{"inmemory": configuration.Parameters{}},
		Auth: configuration.Auth{"token": configuration.Parameters{
			"realm":   tokens.realm,
			"service": serviceName,
			"issuer":  issuerName,
			"jwks":    tokens.jwks,
		}},
	})
	t.Cleanup(func() { _ = app.Shutdown() })
	return serveRegistry(t, app)
}

// pullStatus returns what the registry answers to a pull with a token.
func pullStatus(t *testing.T, registry *registry, raw string) int {
	t.Helper()
	request := testkit.Must(http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+registry.host+"/v2/"+helloRepository+"/manifests/1", nil))(t)
	request.Header.Set("Authorization", "Bearer "+raw)
	request.Header.Set("Accept", "application/vnd.oci.image.manifest.v1+json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

func wantStatus(t *testing.T, registry *registry, raw string, want int) {
	t.Helper()
	if status := pullStatus(t, registry, raw); status != want {
		t.Errorf("status %d, want %d", status, want)
	}
}

// pulls are clients that pull without a pause.
type pulls struct {
	begin chan struct{} // is received from before each pull
	count atomic.Int64
	stop  func() // waits for the last one
}

func startPulls(t *testing.T, registry *registry) *pulls {
	t.Helper()
	const clients = 3
	p := &pulls{begin: make(chan struct{})}
	var running sync.WaitGroup
	for range clients {
		client := newGGCR(t, registry.host)
		running.Go(func() {
			for range p.begin {
				p.count.Add(1)
				if _, err := client.pull(t, alice, registry.ref(helloRepository, ":1")); err != nil {
					t.Errorf("a pull failed: %v", err)
				}
			}
		})
	}
	p.stop = sync.OnceFunc(func() { close(p.begin); running.Wait() })
	t.Cleanup(p.stop)
	return p
}

// more returns when some pulls have begun and ended since it was called.
func (p *pulls) more(t *testing.T) {
	t.Helper()
	for range 6 {
		p.begin <- struct{}{}
	}
}

// offsetClock goes ahead of the real one.
type offsetClock struct{ ahead atomic.Int64 }

func (c *offsetClock) now() time.Time           { return time.Now().Add(c.elapsed()) }
func (c *offsetClock) elapsed() time.Duration   { return time.Duration(c.ahead.Load()) }
func (c *offsetClock) advance(by time.Duration) { c.ahead.Add(int64(by)) }

// A ca is a certificate authority, made without the library.
type ca struct {
	certificate *x509.Certificate
	private     *ecdsa.PrivateKey
}

func newCA(t *testing.T, parent *ca) *ca {
	t.Helper()
	private := testkit.Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: rand.Text()},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(365 * 24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	if parent == nil {
		parent = &ca{template, private}
	}
	der := testkit.Must(x509.CreateCertificate(rand.Reader, template, parent.certificate, private.Public(), parent.private))(t)
	return &ca{testkit.Must(x509.ParseCertificate(der))(t), private}
}

// certify makes the certificate of a key, valid between two times from now.
func (c *ca) certify(t *testing.T, private *ecdsa.PrivateKey, from, to time.Duration) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "leaf"},
		NotBefore:             time.Now().Add(from),
		NotAfter:              time.Now().Add(to),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
	}
	der := testkit.Must(x509.CreateCertificate(rand.Reader, template, c.certificate, private.Public(), c.private))(t)
	return testkit.Must(x509.ParseCertificate(der))(t)
}

// signByHand makes a token that allows to pull, with what the library would not put into x5c.
func signByHand(t *testing.T, private *ecdsa.PrivateKey, chain []*x509.Certificate) string {
	t.Helper()
	x5c := make([]string, len(chain))
	for i, certificate := range chain {
		x5c[i] = base64.StdEncoding.EncodeToString(certificate.Raw)
	}
	kid := testkit.Must(token.NewKey(private))(t).ID()
	header := map[string]any{"typ": "JWT", "alg": "ES256", "kid": kid}
	if len(x5c) > 0 {
		header["x5c"] = x5c
	}
	claims := map[string]any{
		"iss": issuerName, "sub": "", "aud": serviceName, "jti": rand.Text(), "access": mayPullHello(),
		"iat": time.Now().Unix(), "nbf": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}
	encode := func(value any) string {
		return base64.RawURLEncoding.EncodeToString(testkit.Must(json.Marshal(value))(t))
	}
	input := encode(header) + "." + encode(claims)
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, 64)
	for i, n := range []*big.Int{r, s} {
		n.FillBytes(signature[32*i : 32*(i+1)])
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}
