// Package testkit has what the tests of the examples share: programs that are built or looked up,
// free ports, and calls that have to succeed.
package testkit

import (
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// Patience is how long a test waits for something that has to happen. It is long because other
// tests run at the same time.
const Patience = 30 * time.Second

// Must returns the value of a call that has to succeed.
func Must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		Check(t, err)
		return value
	}
}

// Check ends the test at an error.
func Check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Eventually waits until a condition holds.
func Eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(Patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not after %v", what, Patience)
		}
	}
}

// Missing skips the test because something is not there. With CI=true the test fails instead.
func Missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// Program returns the path of an installed program. Without it, the test is skipped or fails, as
// with Missing, and says how to install it.
func Program(t *testing.T, name, install string) string {
	t.Helper()
	found, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name+" is not installed: "+install)
	}
	return found
}

// Build builds the program of a folder below examples, such as "server", without cgo.
func Build(t *testing.T, folder string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), path.Base(folder))
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	pkg := "github.com/berthpass/registry-auth/examples/" + folder
	//nolint:gosec // a folder of this module
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, output)
	}
	return program
}

// FreePorts returns TCP ports of 127.0.0.1 that are free now.
func FreePorts(t *testing.T, count int) []string {
	t.Helper()
	ports := make([]string, count)
	for i := range ports {
		listener := Must(new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"))(t)
		defer listener.Close() // at the end, so that the ports differ
		_, ports[i], _ = net.SplitHostPort(listener.Addr().String())
	}
	return ports
}
