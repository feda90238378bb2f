package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/examples/internal/testkit"
)

// A program is a client's command line program. Each user has a home of its own, with the
// credentials of its login.
type program struct {
	path  string
	homes map[user]string
	logIn func(t *testing.T, home string, u user) error
}

// newProgram finds the program. The function logs a user in with the program's own command.
func newProgram(t *testing.T, name, install string, logIn func(t *testing.T, p *program, home string, u user) error) *program {
	t.Helper()
	p := &program{path: testkit.Program(t, name, install), homes: make(map[user]string)}
	p.logIn = func(t *testing.T, home string, u user) error { return logIn(t, p, home, u) }
	t.Cleanup(func() {
		for _, home := range p.homes {
			_ = os.RemoveAll(home)
		}
	})
	return p
}

// tryLogin logs a user in, in a home of its own.
func (p *program) tryLogin(t *testing.T, u user) error { return p.logIn(t, shortTempDir(t), u) }

// as runs the program as a user, who is logged in the first time.
func (p *program) as(t *testing.T, u user, args ...string) (output string, err error) {
	t.Helper()
	return p.runIn(t, p.home(t, u), "", args...)
}

func (p *program) home(t *testing.T, u user) string {
	t.Helper()
	home, known := p.homes[u]
	if known {
		return home
	}
	home, err := os.MkdirTemp("", "e2e-home-") //nolint:usetesting // subtests share it
	if err != nil {
		t.Fatal(err)
	}
	p.homes[u] = home
	if err := os.WriteFile(home+"/auth.json", []byte("{}"), 0o600); err != nil { // which podman wants to be there
		t.Fatal(err)
	}
	if u == nobody {
		return home
	}
	if err := p.logIn(t, home, u); err != nil {
		t.Fatalf("login of %s: %v", u.name, err)
	}
	return home
}

// runIn runs the program with a home of its own and nothing else of the caller's configuration. The
// error has all that the program printed.
func (p *program) runIn(t *testing.T, home, stdin string, args ...string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Dir = home
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + home,
		"DOCKER_CONFIG=" + home + "/docker",
		"REGISTRY_AUTH_FILE=" + home + "/auth.json",
		"REGCTL_CONFIG=" + home + "/regctl.json",
		"XDG_RUNTIME_DIR=" + home,
		"TMPDIR=" + home,
	}
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", cmd.Args, err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}
