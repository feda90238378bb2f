package authztest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
)

func exampleMatrix() (authz.Authorizer, Matrix) {
	policy := authz.ByType{
		"repository": authz.First(authz.PublicPull("public"), authz.OwnNamespace()),
		"registry":   authz.Catalog("alice"),
	}
	return policy, Matrix{
		Subjects:     []authn.Subject{{}, alice, {Name: "ci", Kind: authn.KindServiceAccount}},
		Repositories: []string{"alice/app", "public/app", "repository:public/app", "localhost:5000/app", "registry:catalog"},
	}
}

func TestMatrixRendersWhoMayDoWhat(t *testing.T) {
	policy, matrix := exampleMatrix()
	got, err := matrix.Render(t.Context(), policy)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimPrefix(`
                       (anonymous)  alice             service account ci
alice/app              -            delete,pull,push  -
public/app             pull         pull              pull
repository:public/app  pull         pull              pull
localhost:5000/app     -            -                 -
registry:catalog       -            *                 -
`, "\n")
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestMatrixFailsWithoutADecision(t *testing.T) {
	_, matrix := exampleMatrix()
	broken := authz.Func(func(context.Context, authz.Request) (authz.Decision, error) {
		return authz.Decision{}, errors.New("down")
	})
	if text, err := matrix.Render(t.Context(), broken); err == nil || text != "" {
		t.Errorf("got %q, %v", text, err)
	}
	matrix.Repositories = []string{"Alice"}
	if _, err := matrix.Render(t.Context(), authz.AllowAll()); err == nil {
		t.Error("a malformed repository is rendered")
	}
}

func TestGolden(t *testing.T) {
	policy, matrix := exampleMatrix()
	file := filepath.Join(t.TempDir(), "policy.txt")
	render := func(policy authz.Authorizer) string {
		t.Helper()
		text, err := matrix.Render(t.Context(), policy)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if got := compareGolden(render(policy), file); !strings.Contains(got, "does not exist") || !strings.Contains(got, UpdateVariable) {
		t.Errorf("without a file: %q", got)
	}

	t.Setenv(UpdateVariable, "1")
	Golden(t, policy, matrix, file)
	if text, err := os.ReadFile(file); err != nil || string(text) != render(policy) {
		t.Fatalf("the file has %q, %v", text, err)
	}
	t.Setenv(UpdateVariable, "")
	Golden(t, policy, matrix, file)

	got := compareGolden(render(authz.First(policy, authz.ReadOnly())), file)
	for _, part := range []string{"- alice/app   ", "delete,pull,push  -\n", "+ alice/app   ", "delete,pull,push  pull\n"} {
		if !strings.Contains(got, part) {
			t.Errorf("the difference does not contain %q:\n%s", part, got)
		}
	}
	if strings.Contains(got, "public/app") {
		t.Errorf("the difference has a line that did not change:\n%s", got)
	}
}
