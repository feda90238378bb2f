package authztest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
	"unicode"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

// A Matrix is who may do what: every subject asks for every action on every repository. As a text under version control it shows
// in a review what a change of the rules changes; see [Golden].
type Matrix struct {
	// Subjects are the columns. The zero Subject is the anonymous one.
	Subjects []authn.Subject
	// Repositories are the rows. A row may also be a resource of another type, such as "registry:catalog".
	Repositories []string
	// Actions are asked for together, so that a policy which looks at them sees what a client would send. The default is pull,
	// push and delete, and "*" for a resource of another type than repository.
	Actions []string
}

// Render asks the policy and returns the matrix as a table of text: a line for each resource, and in it for each subject the
// granted actions, or a dash. The error says which question had no decision, or which resource is malformed.
func (m Matrix) Render(ctx context.Context, policy authz.Authorizer, options ...Option) (string, error) {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	header := make([]string, 0, len(m.Subjects)+1)
	header = append(header, "")
	for _, subject := range m.Subjects {
		header = append(header, subjectName(subject))
	}
	writeRow(table, header)
	for _, resource := range m.Repositories {
		row, err := m.row(ctx, policy, resource, options)
		if err != nil {
			return "", err
		}
		writeRow(table, row)
	}
	_ = table.Flush() // a strings.Builder takes everything
	return trimLines(b.String()), nil
}

func (m Matrix) row(ctx context.Context, policy authz.Authorizer, resource string, options []Option) ([]string, error) {
	asked, err := m.scopeOf(resource)
	if err != nil {
		return nil, err
	}
	row := []string{resource}
	for _, subject := range m.Subjects {
		granted, _, err := decide(ctx, policy, request(subject, asked, options))
		if err != nil {
			return nil, fmt.Errorf("%s asks %s: %w", subjectName(subject), asked, err)
		}
		row = append(row, cell(granted))
	}
	return row, nil
}

func (m Matrix) scopeOf(resource string) (scope.Scope, error) {
	typ, name, typed := strings.Cut(resource, ":")
	if !typed || strings.IndexFunc(name, unicode.IsDigit) == 0 { // a host with a port is no type
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

func cell(granted []string) string {
	if len(granted) == 0 {
		return "-"
	}
	return strings.Join(granted, ",")
}

func writeRow(table *tabwriter.Writer, cells []string) {
	_, _ = fmt.Fprintln(table, strings.Join(cells, "\t"))
}

// trimLines removes the spaces that the last column is filled up with.
func trimLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

// UpdateVariable is the environment variable that makes [Golden] write its files.
const UpdateVariable = "AUTHZTEST_UPDATE"

// Golden compares the policy's matrix with the file that was kept, and fails the test with the lines that differ. With
// AUTHZTEST_UPDATE=1 in the environment it writes the file instead:
//
//	AUTHZTEST_UPDATE=1 go test ./policy && git diff
func Golden(t *testing.T, policy authz.Authorizer, matrix Matrix, file string, options ...Option) {
	t.Helper()
	got, err := matrix.Render(t.Context(), policy, options...)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv(UpdateVariable) == "1" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil { //nolint:gosec // a file of the source tree
			t.Fatal(err)
		}
		return
	}
	if failure := compareGolden(got, file); failure != "" {
		t.Error(failure)
	}
}

// compareGolden returns what differs from the file, or nothing.
func compareGolden(got, file string) string {
	want, err := os.ReadFile(file) //nolint:gosec // the test names it
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return file + " does not exist: run the test with " + UpdateVariable + "=1, and review the file"
	case err != nil:
		return err.Error()
	case got == string(want):
		return ""
	}
	return fmt.Sprintf("the policy is not what %s says; if it is meant, run the test with %s=1\n%s", file, UpdateVariable, lineDiff(string(want), got))
}

// lineDiff shows the lines of either text that are not in the other. Rows have names, so their order says little.
func lineDiff(want, got string) string {
	var b strings.Builder
	for _, side := range []struct{ mark, text, other string }{{"-", want, got}, {"+", got, want}} {
		others := make(map[string]bool)
		for line := range strings.Lines(side.other) {
			others[line] = true
		}
		for line := range strings.Lines(side.text) {
			if !others[line] {
				b.WriteString(side.mark + " " + strings.TrimSuffix(line, "\n") + "\n")
			}
		}
	}
	return b.String()
}
