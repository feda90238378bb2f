package testnames_test

import (
	"testing"

	"github.com/berthpass/registry-auth/examples/internal/testnames"
)

func TestDeclared(t *testing.T) {
	names, err := testnames.Declared("..")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"TestDeclared": true, "testnames.TestDeclared": true, "load.TestDeclared": false, "Declared": false} {
		if names[name] != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
