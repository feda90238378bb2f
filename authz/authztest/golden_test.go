package authztest

import (
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
		Subjects: []authn.Subject{{}, alice, {Name: "ci", Kind: authn.KindServiceAccount}},
		Resources: []string{
			"alice/app", "public/app", "repository:public/app", "localhost:5000/app",
			"registry:catalog",
		},
	}
}

func format(t *testing.T, policy authz.Authorizer, matrix Matrix) string {
	t.Helper()
	text, err := matrix.format(t.Context(), policy, nil)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestMatrixFormat(t *testing.T) {
	policy, matrix := exampleMatrix()
	want := strings.TrimPrefix(`
alice/app | (anonymous) | -
alice/app | alice | delete,pull,push
alice/app | service account ci | -

public/app | (anonymous) | pull
public/app | alice | pull
public/app | service account ci | pull

repository:public/app | (anonymous) | pull
repository:public/app | alice | pull
repository:public/app | service account ci | pull

localhost:5000/app | (anonymous) | -
localhost:5000/app | alice | -
localhost:5000/app | service account ci | -

registry:catalog | (anonymous) | -
registry:catalog | alice | *
registry:catalog | service account ci | -
`, "\n")
	if got := format(t, policy, matrix); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestMatrixOfServices(t *testing.T) {
	_, matrix := exampleMatrix()
	matrix.Services = []string{"eu", "us", ""}
	matrix.Subjects = matrix.Subjects[:2]
	matrix.Resources = []string{"alice/app", "registry:catalog"}
	want := strings.TrimPrefix(`
alice/app | eu | (anonymous) | -
alice/app | eu | alice | delete,pull,push
alice/app | us | (anonymous) | -
alice/app | us | alice | pull
alice/app | (none) | (anonymous) | -
alice/app | (none) | alice | -

registry:catalog | eu | (anonymous) | -
registry:catalog | eu | alice | -
registry:catalog | us | (anonymous) | *
registry:catalog | us | alice | *
registry:catalog | (none) | (anonymous) | -
registry:catalog | (none) | alice | -
`, "\n")
	got := format(t, authz.ByService{
		"eu": authz.OwnNamespace(),
		"us": authz.First(authz.OwnNamespace("pull"), authz.ByType{"registry": authz.AllowAll()}),
	}, matrix)
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// A line never names another service than the policy has seen.
func TestMatrixOptionsComeAfterTheService(t *testing.T) {
	matrix := Matrix{
		Services: []string{"eu"}, Subjects: []authn.Subject{alice}, Resources: []string{"a"},
	}
	policy := authz.ByService{"eu.test": authz.AllowAll()}
	got, err := matrix.format(t.Context(), policy, []func(*authz.Request){
		func(r *authz.Request) { r.Service += ".test" },
	})
	if want := "a | eu.test | alice | delete,pull,push\n"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestMatrixRequestsItsActions(t *testing.T) {
	_, matrix := exampleMatrix()
	matrix.Actions = []string{"pull", "scan"}
	matrix.Resources = []string{"a"}
	got := format(t, authz.AllowAll(), matrix)
	if !strings.HasPrefix(got, "a | (anonymous) | pull,scan\n") {
		t.Error(got)
	}
}

func TestMatrixResources(t *testing.T) {
	for resource, want := range map[string]string{
		"team/app":                      "repository:team/app:pull",
		"7zip/app":                      "repository:7zip/app:pull",
		"localhost:5000/app":            "repository:localhost:5000/app:pull",
		"repository:localhost:5000/app": "repository:localhost:5000/app:pull",
		"repository:7zip/app":           "repository:7zip/app:pull",
		"repository:2048/app":           "repository:2048/app:pull",
		"repository:":                   "repository::pull",
		"registry:catalog":              "registry:catalog:pull",
		"artifact-repository:7zip/app":  "artifact-repository:7zip/app:pull",
	} {
		t.Run(resource, func(t *testing.T) {
			s, err := Matrix{Actions: []string{"pull"}}.scopeOf(resource)
			if err != nil || s.String() != want {
				t.Errorf("got %s, %v, want %s", s, err, want)
			}
		})
	}
}

func TestMatrixFailsWithoutADecision(t *testing.T) {
	_, matrix := exampleMatrix()
	_, err := matrix.format(t.Context(), down(), nil)
	const want = "no decision on repository:alice/app:delete,pull,push: down"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	matrix.Resources = []string{"Alice"}
	if _, err := matrix.format(t.Context(), authz.AllowAll(), nil); err == nil {
		t.Error("a malformed resource has no error")
	}
}

func TestGolden(t *testing.T) {
	policy, matrix := exampleMatrix()
	file := filepath.Join(t.TempDir(), "testdata", "policy.txt")
	got := compareGolden(file, format(t, policy, matrix))
	if !strings.Contains(got, "does not exist") || !strings.Contains(got, "AUTHZTEST_UPDATE=1") {
		t.Errorf("without a file: %q", got)
	}

	t.Setenv("AUTHZTEST_UPDATE", "1")
	Golden(t, policy, matrix, file) // creates the directory
	text, err := os.ReadFile(file)
	if err != nil || string(text) != format(t, policy, matrix) {
		t.Fatalf("the file has %q, %v", text, err)
	}
	t.Setenv("AUTHZTEST_UPDATE", "")
	Golden(t, policy, matrix, file)

	pullAll := policyFunc(func(r authz.Request) authz.Decision {
		return authz.Decision{Actions: r.Scope.Intersect([]string{"pull"}).Actions}
	})
	changed := format(t, authz.First(policy, pullAll), matrix)
	got = compareGolden(file, changed)
	for _, part := range []string{
		"- alice/app | service account ci | -\n", "+ alice/app | service account ci | pull\n",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("the difference does not contain %q:\n%s", part, got)
		}
	}
	if strings.Contains(got, "public/app") {
		t.Errorf("the difference has a line that did not change:\n%s", got)
	}
}

// A review shows only the line of the changed grant, even if it is the longest of its column.
func TestAChangedGrantChangesOneLine(t *testing.T) {
	_, matrix := exampleMatrix()
	before := strings.Split(format(t, authz.DenyAll(), matrix), "\n")
	changedPolicy := authz.First(authz.OwnNamespace(), authz.DenyAll()) // alice may push
	after := strings.Split(format(t, changedPolicy, matrix), "\n")
	if len(before) != len(after) {
		t.Fatalf("%d lines before the change, %d after it", len(before), len(after))
	}
	var changed []string
	for i := range after {
		if after[i] != before[i] {
			changed = append(changed, after[i])
		}
	}
	const want = "alice/app | alice | delete,pull,push"
	if len(changed) != 1 || changed[0] != want {
		t.Errorf("changed lines: %q, want only %q", changed, want)
	}
}

// A line may end like another one.
func TestDifferenceComparesWholeLines(t *testing.T) {
	const want = "team/app | alice | pull\n"
	const got = "team/app | alice | pull\napp | alice | pull\n"
	if diff := lineDiff(want, got); diff != "+ app | alice | pull\n" {
		t.Errorf("got %q", diff)
	}
}
