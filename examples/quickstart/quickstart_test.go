package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/authz/authztest"
	"github.com/berthpass/registry-auth/examples/internal/testkit"
)

// The commands do what the program prints about them, and nothing of them is left.
func TestCommandsRunAsPrinted(t *testing.T) {
	testkit.Program(t, "docker", ".ci/run installs it")
	testkit.Program(t, "crane", ".ci/run installs it")
	p := start(t)
	commands := regexp.MustCompile(`(?m)^(?:  |Undo it: )((?:echo|docker|crane) .*)$`).
		FindAllStringSubmatch(p.welcome, -1)
	if len(commands) != 5 {
		t.Fatalf("%d commands in\n%s", len(commands), p.welcome)
	}
	// The text promises more than the commands use.
	app := p.host + "/alice/app"
	remove := []string{"", "crane delete " + app + "@$(crane digest " + app + ":1)"}
	home := t.TempDir()
	for _, command := range slices.Insert(commands, 4, remove) {
		shell := exec.CommandContext(t.Context(), "sh", "-c", command[1])
		shell.Dir = home
		shell.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}
		output, err := shell.CombinedOutput()
		if refused := strings.HasSuffix(command[1], "# refused"); refused != (err != nil) {
			t.Errorf("%s: %v\n%s", command[1], err, output)
		}
	}
	decisions := p.welcome + p.stop(t)
	for _, want := range []string{
		"bob: repository:public/hello:pull,push -> pull,push (users publish)",
		"alice: login -> welcome",
		"alice: repository:public/hello:pull -> pull (users publish)",
		"alice: repository:alice/app:pull,push -> pull,push (own namespace)",
		"alice: repository:bob/app:pull,push -> nothing (no rule matches)",
	} {
		if !strings.Contains(decisions, want) {
			t.Errorf("the program did not print %q, but\n%s", want, decisions)
		}
	}
	config, _ := os.ReadFile(home + "/.docker/config.json")
	if strings.Contains(string(config), p.host) {
		t.Errorf("docker is still logged in: %s", config)
	}
	if left, _ := filepath.Glob(home + "/[^.]*"); len(left) > 0 {
		t.Errorf("files are left: %v", left)
	}
}

func TestReadmeShowsWhatIsPrinted(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	printed := strings.ReplaceAll("\n"+welcome, "HOST", "localhost:5000")
	printed = strings.ReplaceAll(strings.ReplaceAll(printed, "\n", "\n    "), "\n    \n", "\n\n")
	if !strings.Contains(string(readme), strings.TrimRight(printed, " \n")) {
		t.Errorf("README.md does not contain\n%s", printed)
	}
}

func TestPolicy(t *testing.T) {
	anonymous, alice := authn.Subject{}, authn.Subject{Name: "alice"}
	cases := []authztest.Case{
		authztest.As(anonymous, authztest.Grants{
			"repository:public/hello:pull,push,delete": "pull",
			"repository:alice/app:pull":                "",
			"registry:catalog:*":                       "",
		}),
		authztest.As(alice, authztest.Grants{
			"repository:alice/app:pull,push,delete":    "pull,push,delete",
			"repository:alice/team/app:pull,push":      "pull,push",
			"repository:public/hello:pull,push,delete": "pull,push",
			"repository:publicity/app:pull,push":       "",
			"repository:bob/app:pull,push,delete":      "",
			"registry:catalog:*":                       "",
		}),
	}
	build := func(rules []authz.Authorizer) (authz.Authorizer, error) {
		return authz.First(rules...), nil
	}
	policy, _ := build(rules())
	authztest.Run(t, policy, cases)
	authztest.CheckInvariants(t, policy, []authn.Subject{anonymous, alice})
	authztest.Mutants(t, rules(), build, cases, authztest.Matrix{})
}

func TestDecisionsCannotControlTheTerminal(t *testing.T) {
	var out bytes.Buffer
	printDecisions(&out, auth.AuditRecord{
		Status: 401, Username: "a\x1b[2J\nb", Err: authn.ErrRejected,
	})
	want := `a\x1b[2J\nb: refused with 401 Unauthorized` + "\n"
	if !strings.HasSuffix(out.String(), " "+want) {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// An error is one line that says what to do.
func TestCommandLine(t *testing.T) {
	taken, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	program := build(t)
	for name, test := range map[string]struct {
		args   []string
		output string // a pattern
		code   int
	}{
		"a taken port": {
			[]string{"-port", port}, `^quickstart: .*in use \(-port chooses another port\)\n$`, 1,
		},
		"help":            {[]string{"-h"}, `(?s)-port PORT.*default "5000"`, 0},
		"an unknown flag": {[]string{"-data", "x"}, `not defined: -data\n(?s:.*)-port PORT`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), program, test.args...)
			output, _ := command.CombinedOutput() // the exit code has the error
			if code := command.ProcessState.ExitCode(); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !regexp.MustCompile(test.output).Match(output) {
				t.Errorf("%q does not match %q", output, test.output)
			}
		})
	}
}

// A request that is running when the program is told to end gets its answer.
func TestRequestsFinish(t *testing.T) {
	p := start(t)
	conn, err := net.Dial("tcp", p.host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answer := bufio.NewReader(conn)
	// The program says "100 Continue" when it reads the body.
	io.WriteString(conn, "POST /token HTTP/1.1\r\nHost: "+p.host+"\r\nExpect: 100-continue\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\n")
	if line, err := answer.ReadString('\n'); !strings.Contains(line, "100 Continue") {
		t.Fatalf("got %q, %v", line, err)
	}
	p.stop(t, func() {
		for { // until nobody listens any more
			other, err := net.Dial("tcp", p.host)
			if err != nil {
				break
			}
			other.Close()
		}
		io.WriteString(conn, "grant_type")
		if rest, err := io.ReadAll(answer); !strings.Contains(string(rest), "HTTP/1.1 400") {
			t.Errorf("got %q, %v", rest, err)
		}
	})
}

// A process is the program, on a free port.
type process struct {
	*exec.Cmd
	host, welcome string
	output        *bufio.Reader // what it prints after its own push
}

func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "quickstart")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return program
}

// start waits for the first decision: the program's own push. The key has no file any more then.
func start(t *testing.T) *process {
	t.Helper()
	p := &process{Cmd: exec.CommandContext(t.Context(), build(t), "-port", "0")}
	temp := t.TempDir()
	p.Stderr, p.Env = t.Output(), append(os.Environ(), "TMPDIR="+temp)
	stdout, err := p.StdoutPipe()
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	p.output = bufio.NewReader(stdout)
	for !strings.Contains(p.welcome, " bob: ") {
		line, err := p.output.ReadString('\n')
		if err != nil {
			t.Fatalf("the program ended: %v", p.Wait())
		}
		p.welcome += line
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left in the temporary folder: %v, %v", left, err)
	}
	p.host = regexp.MustCompile(`localhost:\d+`).FindString(p.welcome)
	return p
}

// stop ends the program as Ctrl-C does, and returns its decisions.
func (p *process) stop(t *testing.T, unfinished ...func()) string {
	t.Helper()
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for _, finish := range unfinished {
		finish()
	}
	decisions, _ := io.ReadAll(p.output)
	if err := p.Wait(); err != nil {
		t.Errorf("the program ended with %v", err)
	}
	return string(decisions)
}
