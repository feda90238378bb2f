package authztest

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
)

const failingVariable = "AUTHZTEST_FAILING"

// TestFailuresFailTheTest runs tests of bad policies, each in its own process, where it must fail.
func TestFailuresFailTheTest(t *testing.T) {
	cases := []Case{As(alice, Grants{"repository:a:pull": "pull"})}
	rules := []authz.Authorizer{authz.DenyAll()}
	failing := map[string]struct {
		test func(t *testing.T)
		want string
	}{
		"Run": {func(t *testing.T) { Run(t, authz.DenyAll(), cases) }, "expected: pull"},
		"Run in a batch": {func(t *testing.T) {
			Run(t, dependsOnSize{}, append(cases, As(authn.Subject{}, cases[0].Grants)))
		}, "in a batch of one"},
		"Golden": {func(t *testing.T) {
			Golden(t, authz.DenyAll(), Matrix{}, "testdata/missing.txt")
		}, "does not exist"},
		"CheckInvariants": {func(t *testing.T) { CheckInvariants(t, down(), nil) }, "down"},
		"Mutants":         {func(t *testing.T) { Mutants(t, rules, first, nil, Matrix{}) }, "1 of 1"},
		"Mutants without a passing policy": {func(t *testing.T) {
			Mutants(t, rules, first, cases, Matrix{})
		}, "with all rules"},
	}
	if name := os.Getenv(failingVariable); name != "" {
		failing[name].test(t)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range failing {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestFailuresFailTheTest$")
			cmd.Env = append(os.Environ(), failingVariable+"="+name, updateVariable+"=")
			output, err := cmd.CombinedOutput()
			failed := strings.Contains(string(output), "--- FAIL: TestFailuresFailTheTest")
			if err == nil || !failed || !strings.Contains(string(output), test.want) {
				t.Errorf("got %v, want a failure with %q\n%s", err, test.want, output)
			}
		})
	}
}
