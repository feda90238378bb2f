package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
)

// build returns the program's binary.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return path
}

const example = `server:
  addr: "ADDR"
token:
  issuer: "auth.test"
  expiration: 900
  certificate: "my.crt"
  key: "my.key"
  services: ["registry.test"]
users:
  "alice": {password: "HASH"}
  "": {}
acl:
  - match: {name: "public/*"}
    actions: [pull]
    comment: "public"
  - match: {account: "/.+/", name: "${account}/*"}
    actions: ["*"]
    comment: "own namespace"
tests:
  - {scope: "repository:public/app:pull,push", granted: pull}
`

// folder makes a folder with a key and a configuration at that address.
func folder(t *testing.T, binary, addr string) string {
	t.Helper()
	path := t.TempDir()
	output, code := run(t, binary, path, "", "keygen", "--key", "my.key", "--cert", "my.crt")
	if code != 0 {
		t.Fatal(output)
	}
	hash, code := run(t, binary, path, "wonderland\n", "hash", "--bcrypt")
	if code != 0 {
		t.Fatal(hash)
	}
	filled := strings.NewReplacer("ADDR", addr, "HASH", strings.TrimSpace(hash)).Replace(example)
	write(t, path, "config.yml", filled)
	return path
}

func write(t *testing.T, folder, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run returns what the program prints, its standard output first, and its exit code.
func run(t *testing.T, binary, folder, stdin string, args ...string) (output string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir, cmd.Stdin = folder, strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the exit code tells
	return stdout.String() + stderr.String(), cmd.ProcessState.ExitCode()
}

// TestCommands checks what a person reads, and the exit code.
func TestCommands(t *testing.T) {
	binary := build(t)
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := folder(t, binary, taken.Addr().String())
	write(t, dir, "bad.yml", "server: {adr: x}\n")
	write(t, dir, "good-cases.yml", `
- {account: alice, scope: "repository:alice/app:push", granted: push}
- {scope: "repository:public/a:pull", granted: pull}
`)
	write(t, dir, "bad-cases.yml", "- {scope: \"repository:alice/app:push\", granted: push}\n")
	write(t, dir, "broken-cases.yml", "- {scope: x}\n")
	write(t, dir, "registry.yml", `version: 0.1
storage: {inmemory: {}}
http: {addr: "127.0.0.1:1"}
auth:
  token:
    realm: https://auth.example.com/auth
    service: registry.test
    issuer: wrong.test
    rootcertbundle: my.crt
`)
	for name, test := range map[string]struct {
		args   string
		output string // a pattern
		code   int
	}{
		"nothing": {"", `^A token server`, 2},
		"help":    {"--help", `(?s)^A token server.*server keygen`, 0},
		"help of a command": {
			"explain --help", `(?s)^Usage: server explain CONFIG.*-account NAME`, 0,
		},
		"help of serving": {"serve -h", `^Usage: server CONFIG`, 0},
		"a flag that is none": {
			"check --frob",
			`^server: flag provided but not defined: -frob \(--help helps\)\n$`,
			2,
		},
		"an argument too few": {
			"test config.yml", `^server: CASES is missing \(--help helps\)\n$`, 2,
		},
		"an argument too many": {
			"check a b", `^server: unexpected argument "b" \(--help helps\)\n$`, 2,
		},
		"a file that is not there": {"none.yml", `^none.yml: no such file or directory\n$`, 2},
		"a bad configuration":      {"bad.yml", `^(bad.yml:1: .*\n)+$`, 2},
		"an address in use": {
			"config.yml", `^config.yml:2: listen tcp .*: address already in use\n$`, 2,
		},
		"check": {
			"check config.yml",
			`^config.yml:16: no case reaches rule 2\nconfig.yml is in order: 1 users, 2 rules, 1 ` +
				`tests, 0 warnings\n$`,
			0,
		},
		"check a bad one": {
			"check bad.yml", `^bad.yml:1: unknown key "adr" in server\n$`, 2,
		},
		"explain a grant": {
			"explain config.yml --account alice --scope repository:alice/app:push",
			`(?s)granted "push".*own namespace.*config.yml:16`, 0,
		},
		"explain a refusal": {
			"explain --scope=repository:alice/app:push config.yml --ip 192.0.2.1",
			`(?s)^anonymous requests.*no rule matches`, 0,
		},
		"explain a stranger": {
			"explain config.yml --account bob --scope repository:bob/app:push",
			`^note: nobody of that name can log in`, 0,
		},
		"explain to no address": {
			"explain config.yml --scope repository:a:pull --ip x",
			`^server: invalid value "x" for flag -ip: .* \(--help helps\)\n$`, 2,
		},
		"explain nothing": {"explain config.yml", `^server: --scope: .*\n$`, 2},
		"test": {
			"test config.yml good-cases.yml", `^good-cases.yml: all 2 cases are as expected\n$`, 0,
		},
		"test that fails": {
			"test config.yml bad-cases.yml",
			`(?s)bad-cases.yml:1: anonymous asks repository:alice/app:push: granted "", expected ` +
				`"push" \(no rule matches\)\n1 of 1 cases are not as expected\n$`,
			1,
		},
		"test that is none": {
			"test config.yml broken-cases.yml", `^broken-cases.yml:1: `, 2,
		},
		"hash without a password": {"hash", `^server: .*empty`, 1},
		"keygen over a key": {
			"keygen --key my.key --cert x.crt", `^server: my.key is there already.*\n$`, 2,
		},
		"keygen without a name": {
			"keygen --key a.key", `^server: --key and --cert are needed`, 2,
		},
		"keygen of an authority": {
			"keygen --key ca.key --cert ca.crt --authority",
			`^ca.key: private key, ES256\nca.crt: certificate, for the registry's ` +
				`rootcertbundle\n$`,
			0,
		},
		"keygen with HS256": {
			"keygen --key a.key --cert a.crt --algorithm HS256", `^server: .*HS256`, 2,
		},
		"doctor": {"doctor config.yml --registry registry.yml", `(?i)issuer`, 1},
		"doctor for one version": {
			"doctor config.yml --registry registry.yml --registry-version 2.8",
			`(?i)issuer`, 1,
		},
		"doctor for no version": {
			"doctor config.yml --registry registry.yml --registry-version 9",
			`^server: --registry-version "9" is none of 2.8, 3.0 and 3.1 \(--help helps\)\n$`,
			2,
		},
		"doctor without registry": {"doctor config.yml", `^server: --registry is needed`, 2},
		"doctor with another file": {
			"doctor config.yml --registry good-cases.yml", `^good-cases.yml: `, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			output, code := run(t, binary, dir, "", strings.Fields(test.args)...)
			if code != test.code || !regexp.MustCompile(test.output).MatchString(output) {
				t.Errorf("exit code %d, want %d; the output does not match %q:\n%s",
					code, test.code, test.output, output)
			}
		})
	}
}

func TestHash(t *testing.T) {
	binary := build(t)
	prefixes := map[string]string{"--bcrypt": "$2a$11$", "--bcrypt=false": "$argon2id$"}
	for flag, prefix := range prefixes {
		output, code := run(t, binary, "", "wonderland\r\n", "hash", flag)
		hash, err := password.Parse(authn.Secret(strings.TrimSpace(output)))
		if code != 0 || err != nil || !strings.HasPrefix(output, prefix) {
			t.Fatalf("exit code %d, %v: %s", code, err, output)
		}
		matches, err := new(password.Checker).Check(t.Context(), hash, "wonderland")
		if !matches || err != nil {
			t.Errorf("%s: the hash is of another password, %v", flag, err)
		}
	}
}

// process is the program, serving.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	url   string
	lines chan map[string]any // what it logs
}

func start(t *testing.T, binary, folder string, args ...string) *process {
	t.Helper()
	args = append([]string{"config.yml", "--log-format", "json"}, args...)
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir = folder
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: cmd, lines: make(chan map[string]any, 10_000)}
	go func() {
		defer close(p.lines)
		for scanner := bufio.NewScanner(stderr); scanner.Scan(); {
			var line map[string]any
			if json.Unmarshal(scanner.Bytes(), &line) == nil {
				p.lines <- line
			}
		}
	}()
	p.url = "http://" + p.wait("listening")["addr"].(string)
	return p
}

// wait returns the next line of the log with that message.
func (p *process) wait(message string) map[string]any {
	p.t.Helper()
	for line := range p.lines {
		if line["msg"] == message {
			return line
		}
	}
	p.t.Fatalf("the program ended without logging %q: %v", message, p.cmd.Wait())
	return nil
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// status asks as alice, and returns the status.
func (p *process) status(ctx context.Context, query string) int {
	p.t.Helper()
	url := p.url + "/auth?service=registry.test&" + query
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.SetBasicAuth("alice", "wonderland")
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer w.Body.Close()
	_, _ = io.Copy(io.Discard, w.Body)
	return w.StatusCode
}

// TestReload by SIGHUP and by a changed file, of what is in order and what is not.
func TestReload(t *testing.T) {
	binary := build(t)
	dir := folder(t, binary, "127.0.0.1:0")
	text, err := os.ReadFile(filepath.Join(dir, "config.yml"))
	if err != nil {
		t.Fatal(err)
	}
	good := string(text)
	withoutAlice := strings.Replace(good, `"alice"`, `"alicia"`, 1)
	p := start(t, binary, dir, "--v=2", "--alsologtostderr") // as people start docker_auth
	if got := p.status(t.Context(), ""); got != http.StatusOK {
		t.Fatalf("at start: status %d", got)
	}
	write(t, dir, "config.yml", withoutAlice)
	p.signal(syscall.SIGHUP)
	p.wait("configuration reloaded")
	if got := p.status(t.Context(), ""); got != http.StatusUnauthorized {
		t.Errorf("after SIGHUP: status %d", got)
	}
	write(t, dir, "config.yml", good)
	p.wait("configuration reloaded")
	if got := p.status(t.Context(), ""); got != http.StatusOK {
		t.Errorf("after a change: status %d", got)
	}
	write(t, dir, "config.yml", withoutAlice+"nonsense: 1\n")
	line := p.wait("configuration not reloaded, the old one stays in force")
	const unknown = `config.yml:21: unknown key "nonsense" in the configuration`
	if text, _ := line["error"].(string); text != unknown {
		t.Errorf("logged %q", text)
	}
	write(t, dir, "config.yml",
		withoutAlice+"  - {scope: \"repository:public/app:pull\", granted: \"\"}\n")
	p.wait("configuration not reloaded, the old one stays in force")
	if got := p.status(t.Context(), ""); got != http.StatusOK {
		t.Errorf("after changes that were refused: status %d", got)
	}
	p.signal(syscall.SIGTERM)
	p.wait("stopping")
	for range p.lines {
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// TestShutdownUnderLoad: every request that the server has read is answered. Connections that are
// not accepted yet when the address is closed are lost; clients try elsewhere.
func TestShutdownUnderLoad(t *testing.T) {
	binary := build(t)
	p := start(t, binary, folder(t, binary, "127.0.0.1:0"))
	seen := make(chan int)
	go func() {
		count := 0
		for line := range p.lines {
			if line["msg"] == "token request" {
				count++
			}
		}
		seen <- count
	}()
	const clients, before = 8, 200
	var answered atomic.Int64
	enough := make(chan struct{})
	url := p.url + "/auth?service=registry.test&scope=repository:public/a:pull"
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			// Without keep-alive: the server may close an idle connection at any time.
			transport := &http.Transport{DisableKeepAlives: true}
			client := &http.Client{Transport: transport, Timeout: time.Minute}
			for {
				w, err := client.Get(url)
				if err != nil {
					return
				}
				_, err = io.ReadAll(w.Body)
				_ = w.Body.Close()
				if err != nil || w.StatusCode != http.StatusOK {
					t.Errorf("status %d, %v", w.StatusCode, err)
				}
				if answered.Add(1) == before {
					close(enough)
				}
			}
		})
	}
	<-enough
	p.signal(syscall.SIGTERM)
	group.Wait()
	if got, want := answered.Load(), int64(<-seen); got != want {
		t.Errorf("%d requests were answered of %d that the server has seen", got, want)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
}
