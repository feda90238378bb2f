// Package programs finds the programs that tests need and that are not Go packages: registries, clients, tools.
package programs

import (
	"os"
	"os/exec"
	"testing"
)

// Look returns the path of a program. Without it the test is skipped, with a word on how to install it; where CI=true nothing is
// skipped, and the test fails.
func Look(t *testing.T, name, install string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is not installed: %s", name, install)
	default:
		t.Skipf("%s is not installed: %s", name, install)
	}
	return ""
}
