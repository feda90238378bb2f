package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	_ "github.com/distribution/distribution/v3/registry/auth/token" // what the configuration names
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory" // likewise
	ggcrregistry "github.com/google/go-containerregistry/pkg/registry"
	"github.com/sirupsen/logrus"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/examples/internal/testkit"
	"github.com/berthpass/registry-auth/token"
)

// A registry is one under test.
type registry struct {
	host    string // localhost:port
	traffic *traffic
	// denied is what the registry says to somebody whose token grants too little.
	denied string
	// shares says that all repositories share their layers, so that there is nothing to mount.
	shares bool
}

// distributionDenied is what distribution says.
const distributionDenied = "authentication required"

// A registryKind is a registry that can be started.
type registryKind struct {
	name  string
	start func(t *testing.T, tokens *tokenServer) *registry
}

func registryKinds() []registryKind {
	return []registryKind{
		{"distribution 3 in-process", startInProcess},
		{"distribution 3", func(t *testing.T, tokens *tokenServer) *registry {
			return startProcess(t, tokens, "registry", "go install github.com/distribution/distribution/v3/cmd/registry@v3.1.2")
		}},
		{"distribution 2.8", func(t *testing.T, tokens *tokenServer) *registry {
			return startProcess(t, tokens, "docker-registry", "apt-get install docker-registry")
		}},
		{"go-containerregistry behind auth.Require", startRequire},
	}
}

func startInProcess(t *testing.T, tokens *tokenServer) *registry {
	t.Helper()
	logrus.SetOutput(io.Discard)
	app := handlers.NewApp(context.Background(), &configuration.Configuration{ //nolint:usetesting // must outlive the last request
		Storage: configuration.Storage{
			"inmemory": configuration.Parameters{},
			"delete":   configuration.Parameters{"enabled": true},
		},
		Catalog: configuration.Catalog{MaxEntries: 1000}, // the default of a configuration that is read from a file
		Auth: configuration.Auth{"token": configuration.Parameters{
			"realm":          tokens.realm,
			"service":        serviceName,
			"issuer":         issuerName,
			"rootcertbundle": tokens.bundle,
		}},
	})
	t.Cleanup(func() { _ = app.Shutdown() })
	return serveRegistry(t, app)
}

// startRequire protects a registry that knows nothing of tokens.
func startRequire(t *testing.T, tokens *tokenServer) *registry {
	t.Helper()
	bundle := testkit.Must(os.ReadFile(tokens.bundle))(t)
	verifier := testkit.Must(token.NewVerifier(token.VerifierConfig{
		Issuer:   issuerName,
		Audience: serviceName,
		Keys:     testkit.Must(token.ParseBundle(bundle))(t),
	}))(t)
	open := ggcrregistry.New(ggcrregistry.Logger(log.New(io.Discard, "", 0)))
	registry := serveRegistry(t, testkit.Must(auth.Require(verifier,
		auth.Challenge{Realm: tokens.realm, Service: serviceName}, open))(t))
	registry.denied, registry.shares = "requested access to the resource is denied", true
	return registry
}

// startProcess runs a registry's own program behind a proxy that records what the clients do. The
// program listens on a Unix socket, so that no port has to be guessed.
func startProcess(t *testing.T, tokens *tokenServer, program, install string) *registry {
	t.Helper()
	path := testkit.Program(t, program, install)
	folder := shortTempDir(t)
	socket := filepath.Join(folder, "http.sock")
	config := filepath.Join(folder, "config.yml")
	err := os.WriteFile(config, fmt.Appendf(nil, `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: %q}
  delete: {enabled: true}
http: {net: unix, addr: %q, secret: e2e}
auth:
  token: {realm: %q, service: %q, issuer: %q, rootcertbundle: %q}
`, filepath.Join(folder, "data"), socket, tokens.realm, serviceName, issuerName, tokens.bundle), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	runUntilReady(t, transport, path, "serve", config)
	return serveRegistry(t, &httputil.ReverseProxy{
		Transport: transport,
		ErrorLog:  log.New(io.Discard, "", 0), // clients hang up in the middle when they have what they want
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "registry"
			r.Out.Host = r.In.Host // registries build the upload locations from it
		},
	})
}

// runUntilReady starts a registry's program and waits until it answers.
func runUntilReady(t *testing.T, transport http.RoundTripper, path string, args ...string) {
	t.Helper()
	var output bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...) // ends with the test
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() { <-ended })

	deadline := time.After(30 * time.Second)
	client := &http.Client{Transport: transport, Timeout: time.Second}
	for {
		response, err := client.Get("http://registry/v2/")
		if err == nil {
			response.Body.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended: %s", path, output.String())
		case <-deadline:
			t.Fatalf("%s does not answer: %v", path, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// shortTempDir is t.TempDir with a path that is short enough for a Unix socket.
func shortTempDir(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "e2e-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

func serveRegistry(t *testing.T, handler http.Handler) *registry {
	t.Helper()
	traffic := &traffic{next: handler}
	server := httptest.NewServer(traffic)
	t.Cleanup(server.Close)
	return &registry{host: localhost(server), traffic: traffic, denied: distributionDenied}
}

// ref is the reference of a repository, with ":tag" or "@digest" as its end.
func (r *registry) ref(repository, end string) string { return r.host + "/" + repository + end }

// traffic records the requests that a registry answered.
type traffic struct {
	next      http.Handler
	mu        sync.Mutex
	exchanges []exchange
}

type exchange struct {
	method, path, query string
	status              int
}

func (e exchange) String() string {
	return fmt.Sprintf("%s %s?%s -> %d", e.method, e.path, e.query, e.status)
}

func (tr *traffic) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method, path, query := r.Method, r.URL.Path, r.URL.RawQuery // handlers may change the request
	recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
	tr.next.ServeHTTP(recorder, r)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.exchanges = append(tr.exchanges, exchange{method, path, query, recorder.status})
}

// take returns the exchanges since the last call.
func (tr *traffic) take() exchanges {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	taken := tr.exchanges
	tr.exchanges = nil
	return taken
}

type exchanges []exchange

// triedToMount reports whether a client asked for a mount into a repository.
func (list exchanges) triedToMount(into string) bool {
	return slices.ContainsFunc(list, func(e exchange) bool {
		return e.path == "/v2/"+into+"/blobs/uploads/" && strings.Contains(e.query, "mount=")
	})
}

// mounted counts the layers that were mounted into a repository from another one.
func (list exchanges) mounted(into, from string) int {
	n := 0
	for _, e := range list {
		if e.method == http.MethodPost && e.path == "/v2/"+into+"/blobs/uploads/" &&
			strings.Contains(e.query, "mount=") && strings.Contains(unescape(e.query), "from="+from) &&
			e.status == http.StatusCreated {
			n++
		}
	}
	return n
}

func unescape(query string) string { return strings.ReplaceAll(query, "%2F", "/") }

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }
