// Package deploy has the configurations of docker-compose.yml, and tests of them and of the other
// files that are for running the server: no test here starts a container, but what can be checked
// without an engine is.
package deploy

import (
	"bytes"
	"debug/elf"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/examples/internal/testkit"
	"github.com/berthpass/registry-auth/examples/server/internal/doctor"
	"github.com/berthpass/registry-auth/examples/server/internal/serve"
	"github.com/berthpass/registry-auth/token"
)

// TestConfigurations loads the configuration of the token server, and lets it examine those of the
// registries.
func TestConfigurations(t *testing.T) {
	folder := install(t)
	cfg, err := serve.Load(filepath.Join(folder, "config", "auth_config.yml"), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range cfg.Warnings {
		if !strings.Contains(warning.Text, "passwords travel in the clear") { // to loopback addresses
			t.Errorf("warning: %v", warning)
		}
	}
	issuer := func(service string) doctor.Issuer { return cfg.Token.Issuer(service) }
	for _, name := range []string{"distribution.yml", "zot.json"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(folder, "config", name)
			var out bytes.Buffer
			ok, err := doctor.Run(t.Context(), &out, doctor.Input{
				Issuer:             issuer,
				Services:           cfg.Token.ServiceNames(),
				EndpointPaths:      cfg.Server.EndpointPaths(),
				RegistryConfig:     read(t, path),
				RegistryConfigPath: path,
				HTTPClient:         &http.Client{Transport: offline{}},
			})
			if err != nil || !ok || !strings.Contains(out.String(), "a token made just now is accepted") {
				t.Errorf("%v\n%s", err, out.String())
			}
		})
	}
}

// install puts the configurations into a folder, with the keys and the hash that docker-compose.yml
// tells to make. The paths in them, which are those in containers, lead there.
func install(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"config", "keys", "certs"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	paths := strings.NewReplacer("/keys/", folder+"/keys/", "/certs/", folder+"/certs/",
		"/config/", folder+"/config/")
	for _, name := range []string{"auth_config.yml", "distribution.yml", "zot.json"} {
		write(t, filepath.Join(folder, "config", name), []byte(paths.Replace(string(read(t, name)))))
	}
	for _, name := range []string{"distribution", "zot"} {
		key := must(token.GenerateKey(""))(t)
		write(t, filepath.Join(folder, "keys", name+".key"), must(key.PrivateKeyPEM())(t))
		write(t, filepath.Join(folder, "certs", name+".crt"), key.CertificatePEM())
	}
	hash := must(password.NewHash("secret"))(t)
	write(t, filepath.Join(folder, "config", "admin.hash"), []byte(hash))
	return folder
}

type offline struct{}

func (offline) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("offline")
}

// compose is what the tests look at in docker-compose.yml.
type compose struct {
	Services map[string]struct {
		Image   string   `yaml:"image"`
		Ports   []string `yaml:"ports"`
		Volumes []string `yaml:"volumes"`
		Build   struct {
			Context    string `yaml:"context"`
			Dockerfile string `yaml:"dockerfile"`
		} `yaml:"build"`
	} `yaml:"services"`
	Volumes map[string]any `yaml:"volumes"`
}

func TestComposeFile(t *testing.T) {
	var file compose
	if err := yaml.Unmarshal(read(t, "../docker-compose.yml"), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Services) < 3 {
		t.Fatalf("services: %v", file.Services)
	}
	for name, service := range file.Services {
		if strings.HasSuffix(service.Image, ":latest") || service.Image == "" {
			t.Errorf("%s: the image %q has no version", name, service.Image)
		}
		for _, volume := range service.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			_, named := file.Volumes[source]
			if _, err := os.Stat(filepath.Join("..", source)); !named && err != nil {
				t.Errorf("%s: the volume %s: %v", name, volume, err)
			}
			if source == "keys" && name != "keygen" && !strings.HasSuffix(volume, ":ro") {
				t.Errorf("%s may write the signing keys", name)
			}
			if source == "keys" && service.Build.Dockerfile == "" {
				t.Errorf("%s, which is not the token server, may read the signing keys", name)
			}
		}
		for _, port := range service.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s: the port %s is published to others, without TLS", name, port)
			}
		}
		if build := service.Build; build.Dockerfile != "" {
			if _, err := os.Stat(filepath.Join("..", build.Context, build.Dockerfile)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	found := regexp.MustCompile(`http://[^\s"]+`).Find(read(t, "distribution.yml"))
	realm := must(url.Parse(string(found)))(t)
	published := file.Services["auth"].Ports
	if !slices.Contains(published, "127.0.0.1:"+realm.Port()+":5001") {
		t.Errorf("the realm is %s, and the token server is published at %v", realm, published)
	}
}

// TestDockerfile runs the command by which the image's program is made, looks whether it can be the
// only file there, and lets it check the configuration.
func TestDockerfile(t *testing.T) {
	file := string(read(t, "../Dockerfile"))
	command := regexp.MustCompile(`(?m)^RUN .*(go build .*)$`).FindStringSubmatch(file)
	if command == nil || !strings.Contains(file, "\nENV CGO_ENABLED=0 GOWORK=off\n") {
		t.Fatal("there is no build in the Dockerfile, or its environment is another one")
	}
	program := filepath.Join(t.TempDir(), "server")
	root := must(filepath.Abs("../../.."))(t)
	script := strings.Replace(command[1], "/out/server", program, 1)
	build := exec.CommandContext(t.Context(), "sh", "-c", script)
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command[1], err, output)
	}
	binary := must(elf.Open(program))(t)
	defer binary.Close()
	if libraries := must(binary.ImportedLibraries())(t); len(libraries) > 0 ||
		binary.Section(".interp") != nil {
		t.Errorf("the program is not static: it needs %v", libraries)
	}
	config := filepath.Join(install(t), "config", "auth_config.yml")
	alone := exec.CommandContext(t.Context(), program, "check", config)
	alone.Env = []string{}
	if output, err := alone.CombinedOutput(); err != nil { // the tests in it have run as well
		t.Errorf("%v\n%s", err, output)
	}

	module := read(t, filepath.Join(root, "examples", "go.mod"))
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	if version == nil || !strings.Contains(file, " golang:"+string(version[1])+" ") {
		t.Errorf("the Dockerfile does not build with Go %s", version[1])
	}
	last := file[strings.LastIndex(file, "\nFROM "):]
	if !strings.Contains(last, "\nCMD [\"/config/auth_config.yml\"]\n") {
		t.Error("the image does not read the configuration where docker_auth's does")
	}
	if !strings.HasPrefix(last, "\nFROM scratch\n") ||
		!regexp.MustCompile(`(?m)^USER [1-9]\d*:[1-9]\d*$`).MatchString(last) {
		t.Error("the image is not empty, or its user is root")
	}
}

// TestUnit lets systemd read the unit, with a program that is there.
func TestUnit(t *testing.T) {
	analyze := testkit.Program(t, "systemd-analyze", "apt-get install systemd")
	const program = "/usr/local/bin/registry-auth"
	text := string(read(t, "../registry-auth.service"))
	if !strings.Contains(text, "\nExecStart="+program+" /etc/registry-auth/") {
		t.Fatal("the unit starts something else")
	}
	unit := filepath.Join(t.TempDir(), "registry-auth.service")
	write(
		t,
		unit,
		[]byte(strings.ReplaceAll(text, "ExecStart="+program, "ExecStart="+must(os.Executable())(t))),
	)
	output, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", unit).
		CombinedOutput()
	if err != nil || strings.Contains(string(output), unit) { // unknown keys are no error to it
		t.Errorf("%v\n%s", err, output)
	}
	for _, want := range []string{
		"DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet=",
		"LoadCredential=token.key:", "ExecReload=/bin/kill -HUP $MAINPID",
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("the unit does not have %s", want)
		}
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	return must(os.ReadFile(name))(t)
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func must[T any](value T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
