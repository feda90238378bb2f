// Package programs is the former name of a part of package testkit.
package programs

import (
	"testing"

	"github.com/berthpass/registry-auth/examples/internal/testkit"
)

// Look is testkit.Program.
func Look(t *testing.T, name, install string) string {
	t.Helper()
	return testkit.Program(t, name, install)
}
