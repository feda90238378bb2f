package e2e

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/examples/internal/testkit"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/refresh"
)

const (
	serviceName = "registry.test"
	issuerName  = "auth.test"
)

// A user is somebody who may log in. The zero value is nobody: an anonymous client.
type user struct{ name, password string }

var (
	nobody = user{}
	alice  = user{"alice", "wonderland"}
	bob    = user{"bob", "builder"}
	carol  = user{"carol", "catalogue"} // may list all repositories
)

// policy is the one that all tests run under: own namespaces, public/ for everybody to pull and for
// users to push, and the catalog for carol.
func policy() authz.Authorizer {
	pushPublic := authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
		if r.Subject.Anonymous() || !strings.HasPrefix(r.Scope.Name, "public/") {
			return authz.Decision{NoMatch: true}, nil
		}
		return authz.Decision{Actions: r.Scope.Intersect([]string{scope.ActionPull, scope.ActionPush}).Actions, Reason: "public push"}, nil
	})
	return authz.ByType{
		scope.TypeRepository: authz.First(pushPublic, authz.PublicPull("public"), authz.OwnNamespace()),
		scope.TypeRegistry:   authz.Catalog(carol.name),
	}
}

// A tokenServer is what the registries under test trust.
type tokenServer struct {
	realm  string // URL
	bundle string // file with the certificate that tokens are signed with
	audit  *auditLog
}

func startTokenServer(t *testing.T) *tokenServer {
	t.Helper()
	key := testkit.Must(token.GenerateKey(token.ES256))(t)
	issuer := testkit.Must(token.NewIssuer(token.IssuerConfig{Name: issuerName, Keys: key}))(t)
	audit := new(auditLog)
	handler := testkit.Must(auth.NewServer(auth.Config{
		Services:         auth.ServiceMap{serviceName: issuer},
		Authenticator:    users(t),
		AnonymousAllowed: true,
		Authorizer:       policy(),
		RefreshTokens:    testkit.Must(refresh.New(refresh.Config{Store: refresh.NewMemoryStore()}))(t),
		Audit:            audit.add,
	}))(t)
	mux := http.NewServeMux()
	mux.Handle("/token", handler)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	bundle := filepath.Join(t.TempDir(), "rootcerts.pem")
	if err := os.WriteFile(bundle, key.CertificatePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tokenServer{realm: "http://" + localhost(server) + "/token", bundle: bundle, audit: audit}
}

func users(t *testing.T) authn.Authenticator {
	t.Helper()
	var list []static.User
	for _, u := range []user{alice, bob, carol} {
		hash := testkit.Must(password.NewHash(authn.Secret(u.password)))(t)
		list = append(list, static.User{Name: u.name, PasswordHash: hash})
	}
	return authn.Cache(testkit.Must(static.New(static.Config{Users: list}))(t), authn.CacheConfig{})
}

// localhost names the server in the way that clients accept: they refuse to fetch a token at a
// loopback address by number.
func localhost(server *httptest.Server) string {
	return strings.Replace(server.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
}

// An auditLog keeps what the token server was asked and what it decided.
type auditLog struct {
	mu      sync.Mutex
	records []auth.AuditRecord
}

func (l *auditLog) add(_ context.Context, record auth.AuditRecord) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, record)
}

// take returns the records since the last call.
func (l *auditLog) take() auditRecords {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.records
	l.records = nil
	return taken
}

type auditRecords []auth.AuditRecord

// granted reports whether a subject was granted an action on a resource, such as "push" on
// "alice/app" or "*" on "catalog".
func (a auditRecords) granted(u user, resource, action string) bool {
	return slices.ContainsFunc(a, func(record auth.AuditRecord) bool {
		return record.Subject.Name == u.name && slices.ContainsFunc(record.Decisions, func(d auth.ScopeDecision) bool {
			return d.Asked.Name == resource && slices.Contains(d.Granted, action)
		})
	})
}

// answered counts the requests under a user name that were answered with a status.
func (a auditRecords) answered(u user, status int) int {
	n := 0
	for _, record := range a {
		if record.Status == status && record.Username == u.name {
			n++
		}
	}
	return n
}

// String is for failing tests: one line for each request.
func (a auditRecords) String() string {
	var b strings.Builder
	for _, record := range a {
		b.WriteString("\n\t" + record.LogValue().String())
	}
	return b.String()
}
