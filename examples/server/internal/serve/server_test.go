package serve

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/examples/server/internal/conf"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

const base = `server:
  addr: "127.0.0.1:0"
  path_prefix: "/auth"
token:
  issuer: "auth.test"
  expiration: 900
  certificate: "@DIR@/my.crt"
  key: "@DIR@/my.key"
  services: ["registry.test"]
users:
  "alice": {password: "@HASH@", labels: {group: [devs]}}
  "": {}
acl:
  - {match: {account: "", name: "public/*"}, actions: [pull]}
  - {match: {labels: {group: devs}, name: "devs/*"}, actions: [pull, push], require_account: true}
`

// fixture is a server with its configuration.
type fixture struct {
	*Server

	t      *testing.T
	folder string
	hash   string
	log    *lockedBuffer
}

func newFixture(t *testing.T, text string, more ...func(*fixture)) *fixture {
	t.Helper()
	f := prepare(t, text)
	for _, m := range more {
		m(f)
	}
	if err := f.start(); err != nil {
		t.Fatal(err)
	}
	return f
}

// start makes a server of the configuration.
func (f *fixture) start() error {
	var err error
	f.Server, err = New(f.t.Context(), f.path(), os.Getenv, slog.New(slog.NewTextHandler(f.log, nil)))
	return err
}

func prepare(t *testing.T, text string) *fixture {
	t.Helper()
	hash, err := password.NewHash("wonderland")
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{
		t:      t,
		folder: t.TempDir(),
		hash:   string(hash),
		log:    &lockedBuffer{written: make(chan struct{}, 1)},
	}
	f.newKey()
	f.write(text)
	return f
}

func (f *fixture) path() string { return filepath.Join(f.folder, "config.yml") }

// newKey puts a new key and certificate in place.
func (f *fixture) newKey() { f.newKeyNamed("my") }

// newKeyNamed does so in files of that name.
func (f *fixture) newKeyNamed(name string) *token.Key {
	f.t.Helper()
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		f.t.Fatal(err)
	}
	private, err := key.PrivateKeyPEM()
	if err != nil {
		f.t.Fatal(err)
	}
	f.file(name+".key", string(private))
	f.file(name+".crt", string(key.CertificatePEM()))
	return key
}

func (f *fixture) file(name, content string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.folder, name), []byte(content), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// write puts another configuration in place.
func (f *fixture) write(text string) {
	f.t.Helper()
	f.file("config.yml", strings.NewReplacer("@DIR@", f.folder, "@HASH@", f.hash).Replace(text))
}

// get asks the handler, from the loopback address.
func (f *fixture) get(path string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	f.t.Helper()
	r := httptest.NewRequestWithContext(f.t.Context(), http.MethodGet, path, nil)
	r.RemoteAddr, r.Host = "127.0.0.1:4711", "localhost:5001"
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

// metricsText is what operators get.
func (f *fixture) metricsText() string {
	f.t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(f.t.Context(), http.MethodGet, "/metrics", nil)
	f.internal.ServeHTTP(w, r)
	return w.Body.String()
}

func asAlice(r *http.Request) { r.SetBasicAuth("alice", "wonderland") }

// granted is what a token says to somebody who trusts the certificate that is in place.
func (f *fixture) granted(w *httptest.ResponseRecorder) string {
	f.t.Helper()
	var answer struct {
		Token     string `json:"token"`
		ExpiresIn int    `json:"expires_in"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
		f.t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	if answer.ExpiresIn != 900 {
		f.t.Errorf("expires in %d seconds", answer.ExpiresIn)
	}
	certificate, err := os.ReadFile(filepath.Join(f.folder, "my.crt"))
	if err != nil {
		f.t.Fatal(err)
	}
	keys, err := token.ParseBundle(certificate)
	if err != nil {
		f.t.Fatal(err)
	}
	verifier, err := token.NewVerifier(
		token.VerifierConfig{Issuer: "auth.test", Audience: "registry.test", Keys: keys},
	)
	if err != nil {
		f.t.Fatal(err)
	}
	claims, err := verifier.Verify(answer.Token)
	if err != nil {
		f.t.Fatal(err)
	}
	return scope.Format(claims.Access)
}

const devs = "/auth/auth?service=registry.test&scope=repository:devs/app:pull,push"

func TestPaths(t *testing.T) {
	f := newFixture(t, base)
	for path, status := range map[string]int{
		"/auth/auth?service=registry.test":       http.StatusOK,
		"/auth/auth/token?service=registry.test": http.StatusOK,
		"/auth/auth?service=other.test":          http.StatusBadRequest,
		"/auth/auth/":                            http.StatusNotFound,
		"/auth/":                                 http.StatusOK,
		"/auth":                                  http.StatusNotFound,
		"/auth/token":                            http.StatusNotFound,
		"/token":                                 http.StatusNotFound,
		"/":                                      http.StatusNotFound,
		"/healthz":                               http.StatusOK,
		"/readyz":                                http.StatusOK,
		"/metrics":                               http.StatusNotFound,
		"/debug/pprof/":                          http.StatusNotFound,
		// A proxy's rules for the path would not cover these, and nobody is sent from one path to
		// another.
		"//auth/auth?service=registry.test":       http.StatusNotFound,
		"/auth//auth?service=registry.test":       http.StatusNotFound,
		"/auth/./auth?service=registry.test":      http.StatusNotFound,
		"/auth/x/../auth?service=registry.test":   http.StatusNotFound,
		"/auth/%61uth?service=registry.test":      http.StatusNotFound,
		"/auth%2fauth?service=registry.test":      http.StatusNotFound,
		"/auth/%2e/auth?service=registry.test":    http.StatusNotFound,
		"/auth/auth%00?service=registry.test":     http.StatusNotFound,
		"/auth/auth%2f?service=registry.test":     http.StatusNotFound,
		"/auth/auth;x?service=registry.test":      http.StatusNotFound,
		"/AUTH/auth?service=registry.test":        http.StatusNotFound,
		"//healthz":                               http.StatusNotFound,
		"//evil.example/..?service=registry.test": http.StatusNotFound,
	} {
		w := f.get(path)
		if w.Code != status {
			t.Errorf("%s: status %d, want %d", path, w.Code, status)
		}
		if to := w.Header().Get("Location"); to != "" {
			t.Errorf("%s: a redirect to %s", path, to)
		}
	}
	if got := f.granted(f.get(devs, asAlice)); got != "repository:devs/app:pull,push" {
		t.Errorf("alice is granted %q", got)
	}
	if got := f.granted(f.get(devs)); got != "" {
		t.Errorf("anonymous is granted %q", got)
	}
}

// TestPost: both forms are answered at both paths, and a refresh token outlives a change of the
// configuration, and not one of the password.
func TestPost(t *testing.T) {
	f := newFixture(t, base)
	post := func(path string, form url.Values) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(
			t.Context(),
			http.MethodPost,
			path,
			strings.NewReader(form.Encode()),
		)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		return w
	}
	login := url.Values{
		"grant_type":  {"password"},
		"service":     {"registry.test"},
		"username":    {"alice"},
		"password":    {"wonderland"},
		"access_type": {"offline"},
	}
	var answer struct {
		RefreshToken string `json:"refresh_token"`
	}
	for _, path := range []string{"/auth/auth", "/auth/auth/token"} {
		w := post(path, login)
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK ||
			answer.RefreshToken == "" {
			t.Fatalf("%s: status %d: %s", path, w.Code, w.Body)
		}
	}
	refresh := url.Values{
		"grant_type":    {"refresh_token"},
		"service":       {"registry.test"},
		"refresh_token": {answer.RefreshToken},
	}
	f.write(base + "  - {match: {name: more}, actions: [pull]}\n")
	if _, err := f.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := post("/auth/auth/token", refresh); w.Code != http.StatusOK {
		t.Errorf("after a change of the rules: status %d: %s", w.Code, w.Body)
	}
	changed, err := password.NewHash("looking-glass")
	if err != nil {
		t.Fatal(err)
	}
	f.write(strings.Replace(base, "@HASH@", string(changed), 1))
	if _, err := f.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := post("/auth/auth/token", refresh); w.Code != http.StatusUnauthorized {
		t.Errorf("after a change of the password: status %d: %s", w.Code, w.Body)
	}
	f.write(base + "refresh_tokens: {enabled: false}\n")
	if _, err := f.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := post("/auth/auth", login); w.Code != http.StatusOK ||
		strings.Contains(w.Body.String(), "refresh_token") {
		t.Errorf("switched off: status %d: %s", w.Code, w.Body)
	}
}

// TestReload: what is in order is taken over as a whole, and anything else is not.
func TestReload(t *testing.T) {
	f := newFixture(t, base)
	for _, step := range []struct {
		name    string
		change  func()
		failure string
		granted string
	}{
		{
			"other rules",
			func() { f.write(strings.Replace(base, "[pull, push]", "[pull]", 1)) },
			"",
			"repository:devs/app:pull",
		},
		{"not YAML", func() { f.write("{") }, "not YAML", "repository:devs/app:pull"},
		{"an empty file", func() { f.write("") }, "the file is empty", "repository:devs/app:pull"},
		{"no file", func() { _ = os.Remove(f.path()) }, "no such file", "repository:devs/app:pull"},
		{
			"an unknown key",
			func() { f.write(base + "more: x\n") },
			"unknown key",
			"repository:devs/app:pull",
		},
		{"a test that fails", func() {
			f.write(base + "tests: [{account: alice, scope: \"repository:devs/app:push\", granted: \"\"}]\n")
		}, "1 of 1 tests fail", "repository:devs/app:pull"},
		{"a test that passes", func() {
			f.write(base + "tests: [{account: alice, scope: \"repository:devs/app:push\", granted: push}]\n")
		}, "", "repository:devs/app:pull,push"},
		{"another key", func() { f.newKey() }, "", "repository:devs/app:pull,push"},
		{
			"half a key",
			func() { f.file("my.key", "-----BEGIN PRIVATE KEY-----\nMIGH") },
			"token key and certificate",
			"repository:devs/app:pull,push",
		},
		{
			"no key",
			func() { _ = os.Remove(filepath.Join(f.folder, "my.key")) },
			"no such file",
			"repository:devs/app:pull,push",
		},
		{"a key again", func() { f.newKey() }, "", "repository:devs/app:pull,push"},
		{
			"another group",
			func() { f.write(strings.Replace(base, "group: [devs]", "group: [ops]", 1)) },
			"",
			"",
		},
	} {
		t.Run(step.name, func(t *testing.T) {
			step.change()
			read, err := f.reload(t.Context())
			if (err == nil) != (step.failure == "") ||
				err != nil && !strings.Contains(err.Error(), step.failure) {
				t.Fatalf("error is %v, want one with %q", err, step.failure)
			}
			if got := f.granted(f.get(devs, asAlice)); got != step.granted {
				t.Errorf("granted %q, want %q", got, step.granted)
			}
			ready := f.get("/readyz")
			if failed := strings.Contains(ready.Body.String(), "failed"); ready.Code != http.StatusOK ||
				failed != (err != nil) {
				t.Errorf("status %d: %s", ready.Code, ready.Body)
			}
			metric := "registry_auth_config_last_reload_successful 1"
			if err != nil {
				metric = "registry_auth_config_last_reload_successful 0"
				if !strings.Contains(f.log.String(), step.failure) {
					t.Errorf("the log does not tell %q", step.failure)
				}
			}
			if !strings.Contains(f.metricsText(), metric) {
				t.Errorf("the metrics lack %q", metric)
			}
			if _, watched := read[f.path()]; !watched {
				t.Error("the configuration is not watched")
			}
		})
	}
	if strings.Contains(f.log.String(), "wonderland") || strings.Contains(f.log.String(), f.hash) {
		t.Error("the log tells a secret")
	}
}

// TestAnonymous is refused when there is no entry for it.
func TestAnonymous(t *testing.T) {
	f := newFixture(t, strings.Replace(base, "  \"\": {}\n", "", 1))
	if w := f.get(devs); w.Code != http.StatusUnauthorized ||
		w.Header().Get("WWW-Authenticate") == "" {
		t.Errorf("status %d", w.Code)
	}
}

func TestProxy(t *testing.T) {
	f := newFixture(
		t,
		strings.Replace(
			base,
			"server:\n",
			"server:\n  real_ip_header: X-Real-Ip\n  trusted_proxies: [127.0.0.1]\n",
			1,
		)+
			"  - {match: {ip: 192.0.2.0/24, name: net}, actions: [pull]}\n",
	)
	const path = "/auth/auth?service=registry.test&scope=repository:net:pull"
	from := func(peer, address string) func(*http.Request) {
		return func(r *http.Request) {
			r.RemoteAddr = peer
			if address != "" {
				r.Header.Set("X-Real-Ip", address)
			}
		}
	}
	if got := f.granted(f.get(path, from("127.0.0.1:1", "192.0.2.7"))); got != "repository:net:pull" {
		t.Errorf("through the proxy: granted %q", got)
	}
	if got := f.granted(f.get(path, from("203.0.113.5:1", "192.0.2.7"))); got != "" {
		t.Errorf("with a forged header: granted %q", got)
	}
	w := f.get(path, from("127.0.0.1:1", ""))
	if w.Code != http.StatusBadRequest || !json.Valid(w.Body.Bytes()) ||
		w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("without the header: status %d: %s", w.Code, w.Body)
	}
}

// TestMetricsCountFaults: a panic of an authorizer, and a source of users that is down, are seen in
// the metrics.
func TestMetricsCountFaults(t *testing.T) {
	f := newFixture(t, base)
	for _, status := range []int{500, 503, 503} {
		f.audit(
			t.Context(),
			auth.AuditRecord{Credentials: "basic", Status: status, Err: errors.New("a fault")},
		)
	}
	text := f.metricsText()
	for _, want := range []string{
		`registry_auth_requests_total{credentials="basic",status="500"} 1`,
		`registry_auth_requests_total{credentials="basic",status="503"} 2`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}

// TestAuditLevels: refusals can be told from tokens in the log, and so can an authorizer that
// grants what nobody asked for.
func TestAuditLevels(t *testing.T) {
	f := newFixture(t, base)
	dropped := []auth.ScopeDecision{
		{Asked: scope.Scope{Type: "repository", Name: "app"}, Dropped: []string{"push"}},
	}
	for _, test := range []struct {
		record auth.AuditRecord
		want   string
	}{
		{auth.AuditRecord{Status: http.StatusOK}, "INFO"},
		{auth.AuditRecord{Status: http.StatusOK, Decisions: dropped}, "WARN"},
		{auth.AuditRecord{Status: http.StatusUnauthorized}, "WARN"},
		{auth.AuditRecord{Status: http.StatusServiceUnavailable}, "ERROR"},
	} {
		before := len(f.log.String())
		f.audit(t.Context(), test.record)
		logged := f.log.String()[before:]
		if !strings.Contains(logged, "level="+test.want+` msg="token request"`) {
			t.Errorf("want %s, logged %s", test.want, logged)
		}
	}
}

func TestMetrics(t *testing.T) {
	f := newFixture(t, base)
	f.get(devs, asAlice)
	f.get(devs)
	f.get(devs, func(r *http.Request) { r.SetBasicAuth("alice", "wrong") })
	f.get("/auth/auth?service=evil%0Aservice&scope=x", func(r *http.Request) { r.Method = "BREW" })
	text := f.metricsText()
	for _, want := range []string{
		`registry_auth_requests_total{credentials="basic",status="200"} 1`,
		`registry_auth_requests_total{credentials="none",status="200"} 1`,
		`registry_auth_requests_total{credentials="basic",status="401"} 1`,
		`registry_auth_requests_total{credentials="unknown",status="405"} 1`,
		`registry_auth_scopes_total{granted="all"} 1`,
		`registry_auth_scopes_total{granted="none"} 1`,
		"registry_auth_password_checks_total 2", "registry_auth_rules 2", "registry_auth_users 1",
		"registry_auth_request_duration_seconds_bucket", "go_goroutines",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	for _, secret := range []string{"alice", "registry.test", "evil", "devs"} {
		if strings.Contains(text, secret) {
			t.Errorf("the metrics tell %q", secret)
		}
	}
}

// TestMetricsHaveAnAddressOfTheirOwn: only there they are, until the section is gone. An address
// that comes with a reload needs a restart.
func TestMetricsHaveAnAddressOfTheirOwn(t *testing.T) {
	const own = "metrics: {addr: \"127.0.0.1:0\"}\n"
	for _, step := range []struct {
		name, start, reload string
		status              int
	}{
		{"with an address", base + own, base + own, http.StatusOK},
		{"whose address is gone", base + own, base, http.StatusForbidden},
		{"whose address comes later", base, base + own, http.StatusOK},
	} {
		f := newFixture(t, step.start)
		f.write(step.reload)
		if _, err := f.reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w := f.get("/metrics"); w.Code != http.StatusNotFound {
			t.Errorf("%s: at the server's address: status %d", step.name, w.Code)
		}
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
		f.section("metrics").ServeHTTP(w, r)
		if w.Code != step.status {
			t.Errorf("%s: status %d, want %d", step.name, w.Code, step.status)
		}
		told := strings.Contains(f.log.String(), "setting=metrics.addr")
		if told != (step.start != step.reload) {
			t.Errorf("%s: a restart is needed: %t", step.name, told)
		}
	}
}

// TestNew refuses a configuration whose tests fail, as one that has to be changed.
func TestNew(t *testing.T) {
	f := prepare(t, base+"tests: [{scope: \"repository:public/app:pull\", granted: \"\"}]\n")
	_, err := New(t.Context(), f.path(), os.Getenv, slog.New(slog.DiscardHandler))
	var problem *conf.PositionError
	if !errors.As(err, &problem) ||
		!strings.Contains(err.Error(), "config.yml: 1 of 1 tests fail\n") ||
		!strings.Contains(err.Error(), "config.yml:16: anonymous asks") {
		t.Errorf("error is %v", err)
	}
}

// TestUnixSocket: one that was left behind is replaced, one in use and a file that is none are not.
func TestUnixSocket(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "s")
	s := &Server{logger: slog.New(slog.DiscardHandler)}
	first, err := s.listen(t.Context(), "unix", path, conf.Position{File: "config.yml", Line: 2})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.listen(t.Context(), "unix", path, conf.Position{File: "config.yml", Line: 2})
	var problem *conf.PositionError
	if !errors.Is(err, syscall.EADDRINUSE) || !errors.As(err, &problem) ||
		!strings.HasPrefix(err.Error(), "config.yml:2: ") {
		t.Errorf("error is %v", err)
	}
	first.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = first.Close()
	second, err := s.listen(t.Context(), "unix", path, conf.Position{})
	if err != nil {
		t.Fatal(err)
	}
	_ = second.Close()
	// One of another kind does not refuse a connection, and is in use none the less.
	other, err := new(net.ListenConfig).ListenPacket(t.Context(), "unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.listen(t.Context(), "unix", path, conf.Position{})
	if !errors.Is(err, syscall.EPROTOTYPE) || !exists(path) {
		t.Errorf("error is %v, and the socket is there: %t", err, exists(path))
	}
	_ = other.Close()
	_ = os.Remove(path)
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.listen(t.Context(), "unix", path, conf.Position{}); err == nil {
		t.Error("a file was replaced")
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "precious" {
		t.Errorf("the file is %q, %v", text, err)
	}
}

// TestRun serves TLS on a socket, changes the certificate and ends in order while a request is
// under way.
func TestRun(t *testing.T) {
	f := newFixture(t, strings.NewReplacer(
		`"127.0.0.1:0"`,
		`"@DIR@/socket"`,
		"server:\n",
		"server:\n  net: unix\n  certificate: \"@DIR@/tls.crt\"\n  key: \"@DIR@/tls.key\"\n  hsts: "+
			"true\n",
		"users:\n",
		"ext_auth: {command: \"@DIR@/slow.sh\", timeout: 9s}\nusers:\n",
	).Replace(base), withTLS, withSlowProgram)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	signals := make(chan os.Signal)
	go func() { ended <- f.Run(ctx, signals) }()
	client := f.client()
	f.log.wait("msg=listening")
	response, err := client.Get("https://localhost/auth/auth?service=registry.test")
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK ||
		response.Header.Get("Strict-Transport-Security") == "" ||
		response.TLS == nil {
		t.Errorf("status %d, header %v", response.StatusCode, response.Header)
	}
	_ = response.Body.Close()
	before := response.TLS.PeerCertificates[0].SerialNumber

	withTLS(f)
	signals <- syscall.SIGHUP
	signals <- syscall.SIGHUP // taken when the first is done
	client = f.client()
	response, err = client.Get("https://localhost/readyz")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.TLS.PeerCertificates[0].SerialNumber.Cmp(before) == 0 {
		t.Error("the old certificate is shown after it was changed")
	}

	answered := make(chan string)
	go func() {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://localhost"+devs, nil)
		r.SetBasicAuth("carol", "slow")
		w, err := client.Do(r)
		if err != nil {
			answered <- err.Error()
			return
		}
		_, err = io.Copy(io.Discard, w.Body)
		_ = w.Body.Close()
		answered <- w.Status + errorText(err)
	}()
	if _, err := os.ReadFile(f.folder + "/asked"); err != nil { // until the program runs
		t.Fatal(err)
	}
	stop()
	f.log.wait("msg=stopping")
	if w := f.get("/readyz"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("ready while it is stopping: %d", w.Code)
	}
	f.file("answer", "")
	if got := <-answered; got != "200 OK" {
		t.Errorf("the request that was under way: %s", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if exists(f.folder + "/socket") {
		t.Error("the socket is left behind")
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// client talks TLS over the socket.
func (f *fixture) client() *http.Client {
	pool := x509.NewCertPool()
	certificate, err := os.ReadFile(filepath.Join(f.folder, "tls.crt"))
	if err != nil || !pool.AppendCertsFromPEM(certificate) {
		f.t.Fatal("no certificate", err)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost"},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(f.folder, "socket"))
		},
	}
	f.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// lockedBuffer collects log lines of concurrent requests.
type lockedBuffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	written chan struct{} // has something when something was written since
}

// wait returns when a line with that text was logged.
func (l *lockedBuffer) wait(text string) {
	for !strings.Contains(l.String(), text) {
		<-l.written
	}
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.written <- struct{}{}:
	default:
	}
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
