package examples

import (
	"os"
	"regexp"
	"testing"

	"github.com/berthpass/registry-auth/examples/internal/testnames"
)

// The page on security names the test that shows each defence. All of them are in the tree.
func TestSecurityPageNamesRealTests(t *testing.T) {
	page, err := os.ReadFile("../.github/SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	there, err := testnames.Declared("..")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`).FindAllString(string(page), -1)
	if len(named) < 20 {
		t.Errorf("only %d tests are named", len(named))
	}
	for _, name := range named {
		if !there[name] {
			t.Errorf("there is no %s", name)
		}
	}
}
