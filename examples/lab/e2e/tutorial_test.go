package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/examples/internal/testkit"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

// The users of testdata/tutorial/auth.yml.
var (
	admin     = user{"admin", "badmin"}
	firstuser = user{"firstuser", "secret of the first"}
)

// TestTutorial runs what people follow to get a private registry with token authorization: nginx at
// one address, with the registry and, below /auth, the token server behind it. The configuration
// files in testdata/tutorial are those of docker_auth users; only their placeholders are replaced.
func TestTutorial(t *testing.T) {
	registries := []struct{ name, program, install string }{
		{"distribution 2.8", "docker-registry", "apt-get install docker-registry"},
		{"distribution 3", "registry", "go install github.com/distribution/distribution/v3/cmd/registry@v3.1.2"},
	}
	for _, registry := range registries {
		t.Run(registry.name, func(t *testing.T) {
			tutorial := startTutorial(t, testkit.Program(t, registry.program, registry.install))
			for _, repository := range tutorialRepositories() {
				push(t, admin, tutorial.domain+"/"+repository+":1")
			}
			t.Run("docker login", func(t *testing.T) { tutorialLogin(t, newDocker(t, tutorial.domain)) })
			t.Run("skopeo", func(t *testing.T) { tutorial.client(t, newSkopeo(t, tutorial.domain), tutorialRepositories()...) })
			t.Run("podman", func(t *testing.T) {
				tutorial.client(t, newPodman(t, tutorial.domain), "publicrepos/app", "firstuser/app")
			})
			t.Run("curl", tutorial.curl)
			t.Run("rights", tutorial.rights)
			t.Run("doctor", tutorial.doctor)
		})
	}
}

// A tutorial is one that was followed to its end.
type tutorial struct {
	domain string // localhost:port, of nginx
	folder string // the configuration, keys and data
	server string // the token server's program
}

func tutorialRepositories() []string {
	return []string{"publicrepos/app", "first_user_group-shared/app", "firstuser/app", "other_group-shared/app", "admin/app", "app"}
}

// tutorialAllows says what the tutorial promises.
func tutorialAllows(u user, repository, action string) bool {
	switch u {
	case admin:
		return true
	case firstuser:
		switch repository {
		case "publicrepos/app", "first_user_group-shared/app":
			return action != "delete"
		case "firstuser/app":
			return true
		}
	case nobody:
		return repository == "publicrepos/app" && action == "pull"
	}
	return false
}

func tutorialLogin(t *testing.T, c *client) {
	for _, u := range []user{admin, firstuser} {
		if err := c.login(t, u); err != nil {
			t.Errorf("login of %s: %v", u.name, err)
		}
	}
	for _, u := range []user{{admin.name, "wrong"}, {"somebody", admin.password}, {firstuser.name, admin.password}} {
		if err := c.login(t, u); err == nil || !strings.Contains(err.Error(), c.reads.login) {
			t.Errorf("login of %s with a wrong password: want %q, got %v", u.name, c.reads.login, err)
		}
	}
}

// client lets a client log in, and push and pull as everybody.
func (tu *tutorial) client(t *testing.T, c *client, repositories ...string) {
	tutorialLogin(t, c)
	for _, u := range []user{nobody, admin, firstuser} {
		for _, repository := range repositories {
			t.Run(fmt.Sprintf("%q at %s", u.name, repository), func(t *testing.T) {
				ref := tu.domain + "/" + repository + ":1"
				before := digestAt(t, admin, ref)
				got, err := c.pull(t, u, ref)
				expectAllowed(t, "pull", tutorialAllows(u, repository, "pull"), err, c.reads.pull)
				if err == nil && got != before {
					t.Errorf("pulled %s, not %s", got, before)
				}

				image := newImage(t)
				err = c.push(t, u, image, ref)
				expectAllowed(t, "push", tutorialAllows(u, repository, "push"), err, c.reads.push)
				if after := digestAt(t, admin, ref); (after != before) != tutorialAllows(u, repository, "push") {
					t.Errorf("the registry had %s before the push and has %s now", before, after)
				}
			})
		}
	}
}

func expectAllowed(t *testing.T, what string, allowed bool, err error, refusal string) {
	t.Helper()
	switch {
	case allowed && err != nil:
		t.Errorf("%s: %v", what, err)
	case !allowed && (err == nil || !strings.Contains(err.Error(), refusal)):
		t.Errorf("%s: want %q, got %v", what, refusal, err)
	}
}

// curl fetches the token as the tutorial does, and uses it.
func (tu *tutorial) curl(t *testing.T) {
	curl := testkit.Program(t, "curl", "apt-get install curl")
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), curl, append([]string{"--silent", "--show-error"}, args...)...)
		cmd.Stderr = os.Stderr
		return string(testkit.Must(cmd.Output())(t))
	}
	got := run("http://" + tu.domain + "/auth/auth?service=" + tu.domain + "&scope=repository:publicrepos/app:pull")
	var answer struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(got), &answer); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if answer.Token == "" || answer.AccessToken != answer.Token || answer.ExpiresIn != 900 { // as in auth.yml
		t.Errorf("got %s", got)
	}
	status := func(path, bearer string) string {
		t.Helper()
		return run("--output", "/dev/null", "--write-out", "%{http_code}", "--header", "Authorization: Bearer "+bearer, "http://"+tu.domain+path)
	}
	for path, want := range map[string]string{
		"/v2/":                                  "200",
		"/v2/publicrepos/app/tags/list":         "200",
		"/v2/publicrepos/other/tags/list":       "401",
		"/v2/firstuser/app/tags/list":           "401",
		"/v2/_catalog":                          "401",
		"/auth/auth/token?service=" + tu.domain: "401", // a Bearer token proves nothing there
	} {
		if got := status(path, answer.Token); got != want {
			t.Errorf("%s answers %s, want %s", path, got, want)
		}
	}
}

// rights asks the token server for everything as everybody, and compares what it grants.
func (tu *tutorial) rights(t *testing.T) {
	actions := []string{"delete", "pull", "push"}
	for _, u := range []user{nobody, admin, firstuser} {
		for _, repository := range tutorialRepositories() {
			asked := scope.Scope{Type: "repository", Name: repository, Actions: actions}
			var want []string
			for _, action := range actions {
				if tutorialAllows(u, repository, action) {
					want = append(want, action)
				}
			}
			if got := tu.granted(t, u, asked); !slices.Equal(got, want) {
				t.Errorf("%q at %s: granted %v, want %v", u.name, repository, got, want)
			}
		}
		catalog := scope.Scope{Type: "registry", Name: "catalog", Actions: []string{"*"}}
		if got := tu.granted(t, u, catalog); (len(got) > 0) != (u == admin) {
			t.Errorf("%q: granted %v of the catalog", u.name, got)
		}
	}
}

// granted returns the actions in a token, verified as the registry does.
func (tu *tutorial) granted(t *testing.T, u user, asked scope.Scope) []string {
	t.Helper()
	request := testkit.Must(http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+tu.domain+"/auth/auth?service="+tu.domain+"&scope="+asked.String(), http.NoBody))(t)
	if u != nobody {
		request.SetBasicAuth(u.name, u.password)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Token string `json:"token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v", response.Status, err)
	}
	bundle := testkit.Must(os.ReadFile(filepath.Join(tu.folder, "my.crt")))(t)
	verifier := testkit.Must(token.NewVerifier(token.VerifierConfig{
		Issuer: "my-docker-auth", Audience: tu.domain, Keys: testkit.Must(token.ParseBundle(bundle))(t),
	}))(t)
	claims := testkit.Must(verifier.Verify(answer.Token))(t)
	if claims.Subject != u.name {
		t.Errorf("the token is for %q, not for %q", claims.Subject, u.name)
	}
	var granted []string
	for _, entry := range claims.Access {
		granted = append(granted, entry.Actions...)
	}
	return granted
}

// doctor lets the token server say what it thinks of the registry.
func (tu *tutorial) doctor(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), tu.server, "doctor", "auth.yml", "--registry", "registry.yml")
	cmd.Dir = tu.folder
	output, err := cmd.CombinedOutput()
	for _, want := range []string{
		"ok   rootcertbundle: " + tu.folder + "/my.crt has the certificate of the signing key",
		"ok   realm: it answers with tokens of this server's key",
		"ok   realm: /auth/auth is a path of the token server",
		" accepts a token made just now",
	} {
		if err != nil || !strings.Contains(string(output), want) {
			t.Errorf("%v, want %q in:\n%s", err, want, output)
		}
	}
}

// push pushes a new image.
func push(t *testing.T, u user, ref string) {
	t.Helper()
	if err := remote.Write(testkit.Must(name.ParseReference(ref))(t), newImage(t), remote.WithAuth(ggcrAuth(u))); err != nil {
		t.Fatal(err)
	}
}

// startTutorial starts all three programs.
func startTutorial(t *testing.T, registry string) *tutorial {
	t.Helper()
	nginx := testkit.Program(t, "nginx", "apt-get install nginx")
	tu := &tutorial{folder: shortTempDir(t), server: testkit.Build(t, "server")}
	ports := testkit.FreePorts(t, 3)
	tu.domain = "localhost:" + ports[0]
	tu.configure(t, strings.NewReplacer(
		"@DOMAIN@", tu.domain,
		"@AUTHDIR@", tu.folder,
		"@PORT_NGINX@", ports[0],
		"@PORT_AUTH@", ports[1],
		"@PORT_REGISTRY@", ports[2],
		"@HASH_ADMIN@", bcryptHash(t, admin),
		"@HASH_FIRSTUSER@", bcryptHash(t, firstuser),
	))
	runUntilReady(t, dialing(t, ports[1]), tu.server, filepath.Join(tu.folder, "auth.yml"))
	runUntilReady(t, dialing(t, ports[2]), registry, "serve", filepath.Join(tu.folder, "registry.yml"))
	runUntilReady(t, dialing(t, ports[0]), nginx, "-e", "stderr", "-p", tu.folder, "-c", filepath.Join(tu.folder, "main.conf"))
	return tu
}

// configure writes the tutorial's files with their placeholders replaced, a key, and the
// configuration that nginx has around that of one server.
func (tu *tutorial) configure(t *testing.T, placeholders *strings.Replacer) {
	t.Helper()
	for _, name := range []string{"auth.yml", "registry.yml", "nginx.conf"} {
		text := testkit.Must(os.ReadFile(filepath.Join("testdata/tutorial", name)))(t)
		tu.write(t, name, []byte(placeholders.Replace(string(text))))
	}
	key := testkit.Must(token.GenerateKey(token.ES256))(t)
	tu.write(t, "my.key", testkit.Must(key.PrivateKeyPEM())(t))
	tu.write(t, "my.crt", key.CertificatePEM())

	var temporary strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temporary, "\t%s_temp_path %s/nginx-%s;\n", kind, tu.folder, kind)
	}
	tu.write(t, "main.conf", fmt.Appendf(nil, `daemon off;
master_process off;
pid %s/nginx.pid;
events {}
http {
	access_log off;
%s	include nginx.conf;
}
`, tu.folder, temporary.String()))
}

func (tu *tutorial) write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(tu.folder, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// dialing is a transport that finds a program at its port of 127.0.0.1, whatever the URL says.
func dialing(t *testing.T, port string) http.RoundTripper {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+port)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func bcryptHash(t *testing.T, u user) string {
	t.Helper()
	return string(testkit.Must(bcrypt.GenerateFromPassword([]byte(u.password), bcrypt.DefaultCost))(t))
}
