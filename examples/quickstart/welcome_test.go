package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/berthpass/registry-auth/examples/internal/programs"
)

// TestCommands runs the commands as they are printed, in a home of their own, and expects of each what its remark says.
func TestCommands(t *testing.T) {
	p := start(t, build(t))
	home := newHome(t)
	ran := 0
	for _, c := range commands() {
		text := c.forHost(p.host)
		t.Run(c.text, func(t *testing.T) {
			lookTool(t, c)
			ran++
			output, err := runCommand(t, home, text)
			switch {
			case c.refused && err == nil:
				t.Errorf("it should have been refused:\n%s", output)
			case !c.refused && err != nil:
				t.Errorf("%v\n%s", err, output)
			}
		})
	}
	decisions := p.stop(t, syscall.SIGTERM)
	if ran < len(commands()) {
		return // some programs are not installed
	}
	for _, want := range []string{
		"anonymous  repository:public/hello pull -> granted pull",
		"alice      repository:alice/app pull,push -> granted pull,push (own namespace)",
		"bob        repository:alice/app pull -> refused",
		"bob        repository:bob/app pull,push -> granted pull,push (own namespace)",
	} {
		if !strings.Contains(decisions, want) {
			t.Errorf("the program did not print %q, but\n%s", want, decisions)
		}
	}
}

func TestPrintReach(t *testing.T) {
	for name, test := range map[string]struct {
		addr, host   string
		open, tokens bool // what it speaks of
	}{
		"this machine only":  {"localhost:5000", "localhost:5000", false, false},
		"a loopback address": {"127.0.0.2:5000", "127.0.0.2:5000", false, false},
		"one address":        {"192.0.2.7:5000", "192.0.2.7:5000", true, false},
		"a name":             {"registry.lan:5000", "registry.lan:5000", true, false},
		"all addresses":      {":5000", "localhost:5000", true, true},
		"all, as a number":   {"0.0.0.0:5000", "localhost:5000", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			printReach(&out, test.host, test.addr)
			if got := strings.Contains(out.String(), "not encrypted"); got != test.open {
				t.Errorf("it prints %q", &out)
			}
			if got := strings.Contains(out.String(), "tokens at "+test.host); got != test.tokens {
				t.Errorf("it prints %q", &out)
			}
		})
	}
}

// lookTool skips a command whose program is not installed. In CI it fails.
func lookTool(t *testing.T, c command) {
	t.Helper()
	program := strings.Fields(c.text[strings.LastIndex(c.text, "|")+1:])[0]
	programs.Look(t, program, ".ci/run installs it")
}

// newHome is a folder for the programs' credentials and images. Podman, which wants a file for its storage, gets one with the
// driver that works everywhere.
func newHome(t *testing.T) string {
	t.Helper()
	home, err := os.MkdirTemp("", "home-") //nolint:usetesting // podman wants a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	storage := strings.ReplaceAll("[storage]\ndriver = \"vfs\"\ngraphroot = \"HOME/root\"\nrunroot = \"HOME/run\"\n", "HOME", home)
	if err := os.WriteFile(home+"/storage.conf", []byte(storage), 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}

func runCommand(t *testing.T, home, text string) (output string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", text)
	cmd.Dir = home
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + home,
		"XDG_RUNTIME_DIR=" + home,
		"TMPDIR=" + home,
		"CONTAINERS_STORAGE_CONF=" + home + "/storage.conf",
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}
