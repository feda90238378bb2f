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
	"strings"
	"syscall"
	"testing"

	ggcr "github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// build returns the program's binary.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "quickstart")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return path
}

// TestProgramThatDoesNotStart checks what a person reads, that it is one line, and the exit code.
func TestProgramThatDoesNotStart(t *testing.T) {
	program := build(t)
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args           []string
		stdout, stderr string // patterns
		code           int
	}{
		"a port in use":                  {[]string{"-addr", taken.Addr().String()}, `^$`, `^quickstart: .*address already in use \(-addr chooses another address\)\n$`, 1},
		"an address that is none":        {[]string{"-addr", "localhost"}, `^$`, `^quickstart: .*missing port.*\n$`, 1},
		"a folder that cannot be made":   {[]string{"-addr", "localhost:0", "-data", file + "/images"}, `^$`, `^quickstart: the folder for the images cannot be written: .*\n$`, 1},
		"a folder that is a file":        {[]string{"-addr", "localhost:0", "-data", file}, `^$`, `^quickstart: the folder for the images cannot be written: .*\n$`, 1},
		"a folder that takes no files":   {[]string{"-addr", "localhost:0", "-data", "/proc"}, `^$`, `^quickstart: the folder for the images cannot be written: .*\n$`, 1},
		"help":                           {[]string{"-h"}, `(?s)^A private registry.*Usage: quickstart .*-addr HOST:PORT.*-data FOLDER`, `^$`, 0},
		"a flag that does not exist":     {[]string{"-port", "1"}, `^$`, `^quickstart: flag provided but not defined: -port \(-h helps\)\n$`, 2},
		"an argument that is not a flag": {[]string{"5000"}, `^$`, `^quickstart: unexpected argument "5000" \(-h helps\)\n$`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			cmd := exec.CommandContext(t.Context(), program, test.args...)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			_ = cmd.Run() // the exit code tells
			if got := cmd.ProcessState.ExitCode(); got != test.code {
				t.Errorf("exit code %d, want %d", got, test.code)
			}
			if !regexp.MustCompile(test.stdout).Match(stdout.Bytes()) {
				t.Errorf("stdout %q does not match %q", &stdout, test.stdout)
			}
			if !regexp.MustCompile(test.stderr).Match(stderr.Bytes()) {
				t.Errorf("stderr %q does not match %q", &stderr, test.stderr)
			}
		})
	}
}

// TestImagesSurviveARestart pushes, ends the program with each of its signals, and finds the image at the next start.
func TestImagesSurviveARestart(t *testing.T) {
	binary, data := build(t), filepath.Join(t.TempDir(), "images")
	image, err := helloImage()
	if err != nil {
		t.Fatal(err)
	}
	want, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	asAlice := remote.WithAuth(&ggcr.Basic{Username: alice().name, Password: string(alice().password)})

	first := start(t, binary, "-data", data)
	if err := remote.Write(first.ref(t, "alice/app:1"), image, asAlice); err != nil {
		t.Fatal(err)
	}
	first.stop(t, os.Interrupt)

	second := start(t, binary, "-data", data)
	got, err := remote.Head(second.ref(t, "alice/app:1"), asAlice)
	if err != nil || got.Digest != want {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	second.stop(t, syscall.SIGTERM)
}

// TestNothingIsLeftBehind: the certificates for the registry are in a file only as long as it takes to read them.
func TestNothingIsLeftBehind(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	p := start(t, build(t))
	if left, err := os.ReadDir(temp); err != nil || hasPrefix(left, "quickstart-") {
		t.Errorf("left in the temporary folder: %v, %v", left, err)
	}
	p.stop(t, syscall.SIGTERM)
}

func hasPrefix(entries []os.DirEntry, prefix string) bool {
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			return true
		}
	}
	return false
}

// A process is the program, running.
type process struct {
	cmd    *exec.Cmd
	host   string
	output chan string // what it printed after the first decision, once it ends
}

// start runs the program on a free port and waits until it has printed its first decision.
func start(t *testing.T, binary string, args ...string) *process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"-addr", "localhost:0"}, args...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, output: make(chan string, 1)}
	reader := bufio.NewReader(stdout)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			t.Fatalf("the program ended: %v", cmd.Wait())
		}
		if _, after, found := strings.Cut(line, "are at "); found {
			p.host, _, _ = strings.Cut(after, ";")
		}
		if strings.Contains(line, "repository:public/hello") {
			break
		}
	}
	go func() {
		rest, _ := io.ReadAll(reader)
		p.output <- string(rest)
	}()
	return p
}

// stop sends a signal, expects the exit code 0 and returns the decisions that the program printed.
func (p *process) stop(t *testing.T, signal os.Signal) (decisions string) {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	decisions = <-p.output
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the program ended with %v", err)
	}
	return decisions
}

func (p *process) ref(t *testing.T, repository string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(p.host + "/" + repository)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}
