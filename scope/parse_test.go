package scope_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/scope"
)

func TestParse(t *testing.T) {
	longest := strings.Repeat("a", scope.MaxNameLength)
	for name, test := range map[string]struct {
		in   string
		want scope.Scope
	}{
		"a repository":                         {"repository:team/app:pull", scope.Scope{"repository", "team/app", []string{"pull"}}},
		"actions are sorted":                   {"repository:team/app:push,pull", scope.Scope{"repository", "team/app", []string{"pull", "push"}}},
		"actions are unique":                   {"repository:app:pull,push,pull", scope.Scope{"repository", "app", []string{"pull", "push"}}},
		"empty actions are dropped":            {"repository:app:,pull,,push,", scope.Scope{"repository", "app", []string{"pull", "push"}}},
		"no action asks for nothing":           {"repository:app:", scope.Scope{"repository", "app", []string{}}},
		"an unknown action":                    {"repository:app:scan", scope.Scope{"repository", "app", []string{"scan"}}},
		"the catalog":                          {"registry:catalog:*", scope.Scope{"registry", "catalog", []string{"*"}}},
		"zot's catalog":                        {"repository::pull", scope.Scope{"repository", "", []string{"pull"}}},
		"a host with a port":                   {"repository:localhost:5000/alice/app:pull", scope.Scope{"repository", "localhost:5000/alice/app", []string{"pull"}}},
		"a host without a port":                {"repository:registry.example.com/app:pull", scope.Scope{"repository", "registry.example.com/app", []string{"pull"}}},
		"a resource class":                     {"repository(plugin):alice/app:pull", scope.Scope{"repository", "alice/app", []string{"pull"}}},
		"a type with a hyphen":                 {"artifact-repository:org/charts:pull", scope.Scope{"artifact-repository", "org/charts", []string{"pull"}}},
		"a type with a digit":                  {"repository2:app:pull", scope.Scope{"repository2", "app", []string{"pull"}}},
		"every separator":                      {"repository:a.b_c__d-e---f:pull", scope.Scope{"repository", "a.b_c__d-e---f", []string{"pull"}}},
		"the longest name":                     {"repository:" + longest + ":pull", scope.Scope{"repository", longest, []string{"pull"}}},
		"punycode of a look-alike is its text": {"repository:xn--lice-5cd/app:pull", scope.Scope{"repository", "xn--lice-5cd/app", []string{"pull"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := scope.Parse(test.in)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("Parse(%q) = %#v, want %#v", test.in, got, test.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	tooLong := strings.Repeat("a", scope.MaxNameLength+1)
	for name, test := range map[string]struct {
		in     string
		part   scope.Part
		offset int
		reason string
	}{
		"nothing":                       {"", scope.PartType, 0, "no colon after the resource type"},
		"no colon":                      {"repository", scope.PartType, 10, "no colon after the resource type"},
		"one colon":                     {"repository:app", scope.PartName, 14, "no colon after the resource name"},
		"an empty type":                 {":app:pull", scope.PartType, 0, "empty resource type"},
		"upper case in the type":        {"Repository:app:pull", scope.PartType, 0, "upper case 'R'"},
		"a path as the type":            {"../repository:app:pull", scope.PartType, 0, "unexpected character '.'"},
		"a look-alike in the type":      {"réposit:app:pull", scope.PartType, 1, `unexpected character '\u00e9'`},
		"a hyphen before the type":      {"-repository:app:pull", scope.PartType, 0, "unexpected character '-'"},
		"a hyphen after the type":       {"repository-:app:pull", scope.PartType, 10, "unexpected character '-'"},
		"two hyphens in the type":       {"artifact--x:app:pull", scope.PartType, 9, "unexpected character '-'"},
		"an unclosed class":             {"repository(plugin:app:pull", scope.PartType, 17, "no closing parenthesis after the resource class"},
		"an empty class":                {"repository():app:pull", scope.PartType, 11, "empty resource class"},
		"upper case in the class":       {"repository(Plugin):app:pull", scope.PartType, 11, "upper case 'P'"},
		"text after the class":          {"repository(plugin)x:app:pull", scope.PartType, 17, "unexpected character ')'"},
		"an empty name of a registry":   {"registry::*", scope.PartName, 9, "empty resource name"},
		"upper case in the name":        {"repository:alice/App:pull", scope.PartName, 17, "upper case 'A'"},
		"upper case in the host":        {"repository:Alice/app:pull", scope.PartName, 11, "upper case 'A'"},
		"dot segments":                  {"repository:alice/../bob:pull", scope.PartName, 17, "a path component begins and ends with a letter or a digit"},
		"a slash in front":              {"repository:/alice:pull", scope.PartName, 11, "empty path component"},
		"a slash behind":                {"repository:alice/:pull", scope.PartName, 17, "empty path component"},
		"two slashes":                   {"repository:alice//app:pull", scope.PartName, 17, "empty path component"},
		"two dots":                      {"repository:alice/a..b:pull", scope.PartName, 18, `not a separator: ".."`},
		"three underscores":             {"repository:alice/a___b:pull", scope.PartName, 18, `not a separator: "___"`},
		"a component of separators":     {"repository:alice/-/app:pull", scope.PartName, 17, "a path component begins and ends with a letter or a digit"},
		"a hyphen behind":               {"repository:alice/app-:pull", scope.PartName, 20, "a path component begins and ends with a letter or a digit"},
		"a backslash":                   {`repository:alice\app:pull`, scope.PartName, 16, `unexpected character '\\'`},
		"a percent-escape":              {"repository:alice%2fapp:pull", scope.PartName, 16, "unexpected character '%'"},
		"a line break":                  {"repository:alice\n/app:pull", scope.PartName, 16, `unexpected character '\n'`},
		"a NUL":                         {"repository:alice\x00/app:pull", scope.PartName, 16, `unexpected character '\x00'`},
		"invalid UTF-8":                 {"repository:alice\xff/app:pull", scope.PartName, 16, "invalid UTF-8"},
		"a Cyrillic a":                  {"repository:\u0430lice/app:pull", scope.PartName, 11, `unexpected character '\u0430'`},
		"a full-width letter":           {"repository:alice/\uff41pp:pull", scope.PartName, 17, `unexpected character '\uff41'`},
		"a glob":                        {"repository:alice/*:pull", scope.PartName, 17, "unexpected character '*'"},
		"a tag in the name":             {"repository:alice/app:latest:pull", scope.PartName, 20, "a colon is allowed only in the host, before the first slash"},
		"a host without a repository":   {"repository:localhost:5000:pull", scope.PartName, 20, "a colon is for the port of a host that a repository follows"},
		"a host with a name for a port": {"repository:localhost:http/app:pull", scope.PartName, 20, "a colon is for the port of a host that a repository follows"},
		"an IPv6 host":                  {"repository:[::1]:5000/app:pull", scope.PartName, 11, "unexpected character '['"},
		"a name that is too long":       {"repository:" + tooLong + ":pull", scope.PartName, 11 + 255, "the name is longer than 255 bytes"},
		"upper case in an action":       {"repository:app:pull,PUSH", scope.PartActions, 20, "upper case 'P'"},
		"a digit in an action":          {"repository:app:pull2", scope.PartActions, 19, "unexpected character '2'"},
		"a star in an action":           {"repository:app:pull*", scope.PartActions, 19, "unexpected character '*'"},
		"a line break after an action":  {"repository:app:pull\n", scope.PartActions, 19, `unexpected character '\n'`},
		"a bar between actions":         {"repository:app:pull|push", scope.PartActions, 19, "unexpected character '|'"},
		"too many actions":              {"repository:app:a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", scope.PartActions, 15, "more than 16 actions"},
		"a scope that is too long":      {"repository:app:" + strings.Repeat("a", 512), scope.PartActions, 512, "the scope is longer than 512 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := scope.Parse(test.in)
			var malformed *scope.ParseError
			if !errors.As(err, &malformed) {
				t.Fatalf("Parse(%q) = %v, %v, want a *ParseError", test.in, got, err)
			}
			if !reflect.DeepEqual(got, scope.Scope{}) {
				t.Errorf("Parse(%q) returned %v beside an error", test.in, got)
			}
			want := scope.ParseError{Input: test.in, Part: test.part, Offset: test.offset, Reason: test.reason}
			if *malformed != want {
				t.Errorf("Parse(%q):\n got %+v\nwant %+v", test.in, *malformed, want)
			}
		})
	}
}

func TestParseErrorShowsWhatAndWhere(t *testing.T) {
	_, err := scope.Parse("repository:Alice/app:pull")
	const want = `scope "repository:Alice/app:pull": name, at byte 11: upper case 'A'`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestParseErrorIsShortAndPrintable(t *testing.T) {
	_, err := scope.Parse("repository:\x1b[31m\n\u202e" + strings.Repeat("x", 400) + ":pull")
	if err == nil {
		t.Fatal("parsed")
	}
	text := err.Error()
	if len(text) > 300 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '\u202e' }) {
		t.Errorf("the error is long or not printable: %q", text)
	}
}

func TestParseList(t *testing.T) {
	for name, test := range map[string]struct {
		values    []string
		want      string
		malformed int
	}{
		"no value":                        {nil, "", 0},
		"an empty value":                  {[]string{""}, "", 0},
		"repeated parameters":             {[]string{"repository:b:push,pull", "repository:a:pull"}, "repository:b:pull,push repository:a:pull", 0},
		"a space-separated list":          {[]string{"repository:b:pull repository:a:pull"}, "repository:b:pull repository:a:pull", 0},
		"spaces around and between":       {[]string{"  repository:b:pull   repository:a:pull "}, "repository:b:pull repository:a:pull", 0},
		"both":                            {[]string{"repository:b:pull repository:a:pull", "", "registry:catalog:*"}, "repository:b:pull repository:a:pull registry:catalog:*", 0},
		"a malformed one among others":    {[]string{"repository:B:pull repository:a:pull"}, "repository:a:pull", 1},
		"only malformed ones":             {[]string{"garbage", "repository:B:pull"}, "", 2},
		"a tab does not separate":         {[]string{"repository:a:pull\trepository:b:pull"}, "", 1},
		"a line break does not separate":  {[]string{"repository:a:pull\nrepository:b:pull"}, "", 1},
		"a no-break space does not, too":  {[]string{"repository:a:pull\u00a0repository:b:pull"}, "", 1},
		"duplicates are kept for the log": {[]string{"repository:a:pull repository:a:push"}, "repository:a:pull repository:a:push", 0},
	} {
		t.Run(name, func(t *testing.T) {
			list, malformed := scope.ParseList(test.values...)
			if got := scope.Format(list); got != test.want || len(malformed) != test.malformed {
				t.Errorf("ParseList(%q) = %q with %d malformed, want %q with %d", test.values, got, len(malformed), test.want, test.malformed)
			}
		})
	}
}
