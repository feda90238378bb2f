package authztest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

// A Matrix lists subjects and resources, and services if there are several. [Golden] makes a
// request for each combination.
type Matrix struct {
	// Services, if not empty, are the services of the requests and add a column to the file.
	Services []string
	// Subjects make the requests. The zero Subject is the anonymous one.
	Subjects []authn.Subject
	// Resources are names of repositories, such as "team/app" or "localhost:5000/app", or a type
	// and a name, such as "registry:catalog". A number after the first colon is a port, unless the
	// type is "repository".
	Resources []string
	// Actions are requested together. The default is pull, push and delete for a repository, and
	// "*" for another type.
	Actions []string
}

// updateVariable is the environment variable that makes [Golden] write its files.
const updateVariable = "AUTHZTEST_UPDATE"

// Golden compares the grants of the matrix with a file and fails the test with the lines that
// differ, or if the file is missing. Keep the file under version control: its changes show a
// reviewer how a change of the rules changes the grants. A changed grant changes one line:
//
//	alice/app | (anonymous) | -
//	alice/app | alice | delete,pull,push
//
//	registry:catalog | alice | *
//	registry:catalog | service account alice | -
//
// With Services, the service comes second:
//
//	alice/app | eu.example.com | alice | delete,pull,push
//	alice/app | us.example.com | alice | pull
//
// With AUTHZTEST_UPDATE=1 in the environment, Golden writes the file, and its directory if there is
// none:
//
//	AUTHZTEST_UPDATE=1 go test ./policy && git diff
//
// Options change each request before the policy sees it.
func Golden(
	t *testing.T, policy authz.Authorizer, matrix Matrix, file string,
	options ...func(*authz.Request),
) {
	t.Helper()
	got, err := matrix.format(t.Context(), policy, options)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv(updateVariable) != "1" {
		if failure := compareGolden(file, got); failure != "" {
			t.Error(failure)
		}
		return
	}
	err = os.MkdirAll(filepath.Dir(file), 0o755) //nolint:gosec // a directory of the source tree
	if err == nil {
		err = os.WriteFile(file, []byte(got), 0o644) //nolint:gosec // a file of the source tree
	}
	if err != nil {
		t.Fatal(err)
	}
}

// format returns the text of the golden file. It asks about each resource in one batch.
func (m Matrix) format(
	ctx context.Context, policy authz.Authorizer, options []func(*authz.Request),
) (string, error) {
	services := m.Services
	if len(services) == 0 {
		services = []string{""}
	}
	blocks := make([]string, len(m.Resources))
	for i, resource := range m.Resources {
		asked, err := m.scopeOf(resource)
		if err != nil {
			return "", err
		}
		var requests []authz.Request
		for _, service := range services {
			set := func(r *authz.Request) { r.Service = service }
			all := slices.Insert(slices.Clone(options), 0, set)
			for _, subject := range m.Subjects {
				requests = append(requests, request(subject, asked, all))
			}
		}
		decisions, err := authz.AuthorizeBatch(ctx, policy, requests)
		if err != nil {
			return "", fmt.Errorf("no decision on %s: %w", asked, err)
		}
		if failure := overreach(ctx, policy, requests); failure != "" {
			return "", errors.New(failure)
		}
		for j, r := range requests {
			columns := []string{resource}
			if len(m.Services) > 0 {
				columns = append(columns, orNone(r.Service))
			}
			actions := cmp.Or(strings.Join(granted(r, decisions[j]), ","), "-")
			columns = append(columns, subjectName(r.Subject), actions)
			blocks[i] += strings.Join(columns, " | ") + "\n"
		}
	}
	return strings.Join(blocks, "\n"), nil
}

func (m Matrix) scopeOf(resource string) (scope.Scope, error) {
	typ, name, typed := strings.Cut(resource, ":")
	port, _, _ := strings.Cut(name, "/")
	hasPort := typ != scope.TypeRepository && strings.Trim(port, "0123456789") == ""
	if !typed || hasPort { // a host with a port is no type
		typ, name = scope.TypeRepository, resource
	}
	actions := m.Actions
	switch {
	case len(actions) > 0:
	case typ == scope.TypeRepository:
		actions = []string{scope.ActionPull, scope.ActionPush, scope.ActionDelete}
	default:
		actions = []string{scope.ActionAll}
	}
	return scope.Parse(typ + ":" + name + ":" + strings.Join(actions, ","))
}

// compareGolden returns the difference to the file, or "".
func compareGolden(file, got string) string {
	want, err := os.ReadFile(file) //nolint:gosec // named by the test
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("%s does not exist; run the test with %s=1 and review the file",
			file, updateVariable)
	case err != nil:
		return err.Error()
	case got == string(want):
		return ""
	}
	return fmt.Sprintf("the policy differs from %s; if it should, run the test with %s=1\n%s",
		file, updateVariable, lineDiff(string(want), got))
}

// lineDiff returns the lines of either text that are not in the other.
func lineDiff(want, got string) string {
	var b strings.Builder
	for line := range strings.Lines(want) {
		if !strings.Contains("\n"+got, "\n"+line) {
			b.WriteString("- " + line)
		}
	}
	for line := range strings.Lines(got) {
		if !strings.Contains("\n"+want, "\n"+line) {
			b.WriteString("+ " + line)
		}
	}
	return b.String()
}
