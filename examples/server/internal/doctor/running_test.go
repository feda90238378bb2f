package doctor

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	// What the configuration names.
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/sirupsen/logrus"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/examples/internal/testkit"
	"github.com/berthpass/registry-auth/token"
)

// TestRunningRegistry examines running registries with the key that they trust, and with the next
// one.
func TestRunningRegistry(t *testing.T) {
	tests := []struct {
		name  string
		start func(t *testing.T, in Input) string
	}{
		{"distribution 3 in-process", startDistribution3},
		{"distribution 2.8", startDistribution28},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := newRunningInput(t, newKey(t, token.ES256))
			in.RegistryURL = tt.start(t, in)
			expectLines(t, in, true,
				"ok   rootcertbundle: auth.crt has the certificate of the signing key",
				"ok   distribution 2.8, 3.0, 3.1: a token made just now is accepted",
				"ok   realm: it answers with tokens of this server's key",
				"ok   registry: URL asks for a token as its configuration says",
				"ok   registry: URL accepts a token made just now")

			// After a change of key, all files are right, but the registry has not read them again.
			next := newKey(t, token.ES256)
			write(t, in, "auth.crt", next.CertificatePEM())
			in.Issuer = issuerFor(t, in.Services, next, false)
			in.HTTPClient = &http.Client{Transport: offlineBut{in.RegistryURL}}
			expectLines(t, in, false,
				"ok   distribution 2.8, 3.0, 3.1: a token made just now is accepted",
				"FIX  registry: URL/v2/ refuses a token made just now: "+
					"restart it, as keys are read at start; if it still does, "+
					"its version does not find the key: see the notes")
		})
	}
}

// TestVersionsDifferAsSaid compares the findings about a version with a registry of that version.
func TestVersionsDifferAsSaid(t *testing.T) {
	tests := []struct {
		name     string
		start    func(t *testing.T, in Input) string
		version  string
		key      *token.Key
		libtrust bool
		accepted bool
	}{
		{
			"2.8 finds a certificate", startDistribution28, "2.8", newKey(t, token.RS256), false,
			true,
		},
		{
			"2.8 does not find a thumbprint", startDistribution28, "2.8",
			withoutCertificate(t, newKey(t, token.ES256)), false, false,
		},
		{
			"2.8 finds a libtrust id", startDistribution28, "2.8",
			withoutCertificate(t, newKey(t, token.ES256)), true, true,
		},
		{
			"3.1 finds a thumbprint", startDistribution3, "3.1",
			withoutCertificate(t, newKey(t, token.ES256)), false, true,
		},
		{
			"3.1 does not find a libtrust id", startDistribution3, "3.1",
			withoutCertificate(t, newKey(t, token.ES256)), true, false,
		},
		{
			"3.1 does not find a thumbprint with a zero byte", startDistribution3, "3.1",
			withoutCertificate(t, newKeyWithZero(t)), false, false,
		},
		{
			"3.1 finds the certificate of a key with a zero byte", startDistribution3, "3.1",
			newKeyWithZero(t), false, true,
		},
		{"3.1 takes Ed25519", startDistribution3, "3.1", newKey(t, token.EdDSA), false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := newRunningInput(t, tt.key)
			in.Issuer = issuerFor(t, in.Services, tt.key, tt.libtrust)
			in.RegistryVersion = tt.version
			in.RegistryURL = tt.start(t, in)
			_, lines := run(t, in)
			said := strings.Contains(lines,
				"ok   distribution "+tt.version+": a token made just now is accepted\n")
			done := strings.Contains(lines, "ok   registry: URL accepts a token made just now\n")
			if said != tt.accepted || done != tt.accepted {
				t.Errorf("want accepted %v, said %v, did %v:\n%s", tt.accepted, said, done, lines)
			}
		})
	}
}

// TestCertificateHidesJWKS shows that distribution 3 does not look into its JWKS file for a token
// with a certificate.
func TestCertificateHidesJWKS(t *testing.T) {
	for _, tt := range []struct {
		name string
		key  *token.Key
		ok   bool
		want string
	}{
		{
			"with x5c", newKey(t, token.ES256), false,
			"FIX  registry: URL/v2/ refuses a token made just now: see above, then restart it: " +
				"keys are read at start",
		},
		{
			"without", withoutCertificate(t, newKey(t, token.ES256)), true,
			"ok   registry: URL accepts a token made just now",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := newRunningInput(t, tt.key)
			in.RegistryConfig = bytes.ReplaceAll(in.RegistryConfig,
				[]byte("rootcertbundle: auth.crt"), []byte("jwks: auth.jwks"))
			in.RegistryURL = startDistribution3(t, in)
			expectLines(t, in, tt.ok, tt.want)
		})
	}
}

// offlineBut is a network in which only one answers.
type offlineBut struct{ base string }

func (o offlineBut) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(r.URL.String(), o.base+"/") {
		return offline{}.RoundTrip(r)
	}
	return http.DefaultTransport.RoundTrip(r)
}

func expectLines(t *testing.T, in Input, wantOK bool, want ...string) {
	t.Helper()
	ok, lines := run(t, in)
	if ok != wantOK {
		t.Errorf("ok is %v:\n%s", ok, lines)
	}
	for _, line := range want {
		if !strings.Contains("\n"+lines, "\n"+line+"\n") {
			t.Errorf("want the line\n%s\namong\n%s", line, lines)
		}
	}
}

func run(t *testing.T, in Input) (ok bool, lines string) {
	t.Helper()
	var out bytes.Buffer
	ok, err := Run(t.Context(), &out, in)
	if err != nil {
		t.Fatal(err)
	}
	if in.RegistryURL == "" {
		return ok, out.String()
	}
	return ok, strings.ReplaceAll(out.String(), in.RegistryURL, "URL")
}

// newRunningInput starts a token server that lets everybody in, and returns the configuration of a
// registry with this realm.
func newRunningInput(t *testing.T, key *token.Key) Input {
	t.Helper()
	in := newInput(t, key, "good.yml")
	server := must(auth.NewServer(auth.Config{
		Services:         auth.ServiceMap{testService: in.Issuer(testService)},
		AnonymousAllowed: true,
		Authorizer:       authz.DenyAll(),
	}))(t)
	mux := http.NewServeMux()
	mux.Handle("/auth", server)
	running := httptest.NewServer(mux)
	t.Cleanup(running.Close)

	realm := strings.Replace(running.URL, "127.0.0.1", "localhost", 1) + "/auth"
	in.RegistryConfig = fmt.Appendf(nil, `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: %q}}
http: {net: unix, addr: %q, secret: doctor}
auth:
  token:
    realm: %q
    service: %q
    issuer: %q
    rootcertbundle: auth.crt
`, t.TempDir(), shortTempDir(t)+"/http.sock", realm, testService, testIssuer)
	write(t, in, "good.yml", in.RegistryConfig)
	in.HTTPClient = nil
	return in
}

func startDistribution3(t *testing.T, in Input) string {
	t.Helper()
	t.Chdir(filepath.Dir(in.RegistryConfigPath)) // for what is relative to it
	logrus.SetOutput(io.Discard)
	config := must(configuration.Parse(bytes.NewReader(in.RegistryConfig)))(t)
	//nolint:usetesting // must outlive the last request
	app := handlers.NewApp(context.Background(), config)
	t.Cleanup(func() { _ = app.Shutdown() })
	server := httptest.NewServer(app)
	t.Cleanup(server.Close)
	return server.URL
}

// startDistribution28 runs Debian's program behind a proxy, at a Unix socket, so that no port has
// to be guessed.
func startDistribution28(t *testing.T, in Input) string {
	t.Helper()
	path := testkit.Program(t, "docker-registry", "apt-get install docker-registry")
	socket := must(configuration.Parse(bytes.NewReader(in.RegistryConfig)))(t).HTTP.Addr
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	transport := &http.Transport{DialContext: dial}
	t.Cleanup(transport.CloseIdleConnections)

	var output bytes.Buffer
	// It ends with the test.
	cmd := exec.CommandContext(t.Context(), path, "serve", in.RegistryConfigPath)
	cmd.Dir = filepath.Dir(in.RegistryConfigPath)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() { <-ended })
	waitFor(t, transport, ended, &output)

	server := httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "registry"
		},
	})
	t.Cleanup(server.Close)
	return server.URL
}

// waitFor waits until a registry answers.
func waitFor(
	t *testing.T, transport http.RoundTripper, ended <-chan struct{}, output *bytes.Buffer,
) {
	t.Helper()
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
			t.Fatalf("the registry ended: %s", output)
		case <-deadline:
			t.Fatalf("the registry does not answer: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// shortTempDir is t.TempDir with a path that is short enough for a Unix socket.
func shortTempDir(t *testing.T) string {
	t.Helper()
	folder := must(os.MkdirTemp("", "doctor-"))(t) //nolint:usetesting // see above
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}
