package scope_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/distribution/reference"

	"github.com/berthpass/registry-auth/scope"
)

var seeds = []string{
	"repository:team/app:pull,push",
	"repository(plugin):alice/app:pull",
	"repository:localhost:5000/alice/app:pull",
	"repository::pull",
	"registry:catalog:*",
	"artifact-repository:org/charts:pull",
	"x_account:name:view,anonymous_first_pull",
	"_a__b-_:app:_pull,pull__push_",
	"repository:a.b_c__d---e/f:,pull,,push,",
	"repository:alice/../bob:pull",
	"repository:[::1]:5000/a:pull",
	"REPOSITORY:Alice:PULL",
	"repository:a:pull repository:b:pull",
	":::",
}

// The grammar of the package comment.
var (
	typePattern   = regexp.MustCompile(`^[a-z0-9]+([-_][a-z0-9]+)*$`)
	actionPattern = regexp.MustCompile(`^([a-z]+(_[a-z]+)*|\*)$`)
)

// A parsed scope formats to a text that parses to the same scope. It is in normal form: sorted and
// unique actions, a name that distribution/reference accepts, only lower case. With an error, the
// Scope is the zero value and there is a printable ASCII reason.
func FuzzParse(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s, err := scope.Parse(in)
		if err != nil {
			malformed := err.(*scope.ParseError) //nolint:errorlint // the documented type
			printable := regexp.MustCompile(`^[ -~]+$`).MatchString(malformed.Reason)
			if !s.Equal(scope.Scope{}) || malformed.Input != in || !printable {
				t.Fatalf("Parse(%q) = %v, %+v", in, s, malformed)
			}
			return
		}
		if back, err := scope.Parse(s.String()); err != nil || !back.Equal(s) {
			t.Fatalf("Parse(%q) = %q, which parses to %q, %v", in, s, back, err)
		}
		unique := slices.Compact(slices.Clone(s.Actions))
		if !slices.IsSorted(s.Actions) || len(unique) != len(s.Actions) {
			t.Fatalf("Parse(%q): actions %q are not sorted and unique", in, s.Actions)
		}
		if strings.ToLower(s.String()) != s.String() || strings.ContainsAny(s.Name, "[]*?%\\ ") ||
			len(s.Name) > maxNameLength {
			t.Fatalf("Parse(%q) = %q is not in normal form", in, s)
		}
		malformed := func(action string) bool { return !actionPattern.MatchString(action) }
		if !typePattern.MatchString(s.Type) || slices.ContainsFunc(s.Actions, malformed) {
			t.Fatalf("Parse(%q) = %q does not follow the grammar", in, s)
		}
		if _, err := reference.WithName(s.Name); err != nil && s.Name != "" {
			t.Fatalf("Parse(%q): the name is refused by distribution/reference: %v", in, err)
		}
	})
}

// A lower-case name without brackets is accepted exactly when distribution/reference accepts it.
func FuzzNameAgreesWithReference(f *testing.F) {
	for _, seed := range []string{
		"alice/app", "a--b", "a..b", "localhost:5000/a", "a/b:1/c", "a_/b", "1.2.3.4:5/x", "a/-b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" || len(name) > maxNameLength || strings.ToLower(name) != name ||
			strings.ContainsAny(name, "[]") {
			t.Skip("refused for another reason")
		}
		_, refused := reference.WithName(name)
		_, err := scope.Parse("repository:" + name + ":pull")
		if (err == nil) != (refused == nil) {
			t.Fatalf("%q: reference says %v, Parse says %v", name, refused, err)
		}
	})
}

// ParseList accounts for every scope of a list. The well-formed scopes format to a list that parses
// to the same scopes. Merging is idempotent and keeps each resource once.
func FuzzParseList(f *testing.F) {
	f.Add(strings.Join(seeds, " "), seeds[0])
	f.Fuzz(func(t *testing.T, a, b string) {
		list, malformed := scope.ParseList(a, b)
		empty := func(s string) bool { return s == "" }
		all := slices.DeleteFunc(strings.Split(a+" "+b, " "), empty)
		if len(list)+len(malformed) != len(all) {
			t.Fatalf("ParseList(%q, %q): %d + %d of %d scopes",
				a, b, len(list), len(malformed), len(all))
		}
		again, none := scope.ParseList(scope.Format(list))
		if len(none) > 0 || !slices.EqualFunc(again, list, scope.Scope.Equal) {
			t.Fatalf("%q formats to %q", list, scope.Format(list))
		}
		merged := scope.Merge(list)
		if twice := scope.Merge(merged); !slices.EqualFunc(twice, merged, scope.Scope.Equal) {
			t.Fatalf("merging %q again gives %q", merged, twice)
		}
		for i, s := range merged {
			if slices.ContainsFunc(merged[:i], s.SameResource) {
				t.Fatalf("%q appears twice in %q", s, merged)
			}
		}
	})
}
