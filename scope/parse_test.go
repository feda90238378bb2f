package scope_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/scope"
)

// maxNameLength is documented.
const maxNameLength = 255

func TestParse(t *testing.T) {
	longest := strings.Repeat("a", maxNameLength)
	for name, test := range map[string]struct {
		in   string
		want scope.Scope
	}{
		"a repository": {
			"repository:team/app:pull", scope.Scope{"repository", "team/app", []string{"pull"}},
		},
		"actions are sorted": {
			"repository:team/app:push,pull",
			scope.Scope{"repository", "team/app", []string{"pull", "push"}},
		},
		"actions are unique": {
			"repository:app:pull,push,pull",
			scope.Scope{"repository", "app", []string{"pull", "push"}},
		},
		"a repeated action counts once": {
			"repository:app:" + strings.Repeat("pull,", 17),
			scope.Scope{"repository", "app", []string{"pull"}},
		},
		"empty actions are dropped": {
			"repository:app:,pull,,push,",
			scope.Scope{"repository", "app", []string{"pull", "push"}},
		},
		"no action asks for nothing": {
			"repository:app:", scope.Scope{"repository", "app", []string{}},
		},
		"an unknown action": {
			"repository:app:scan", scope.Scope{"repository", "app", []string{"scan"}},
		},
		"the catalog": {
			"registry:catalog:*", scope.Scope{"registry", "catalog", []string{"*"}},
		},
		"zot's catalog": {
			"repository::pull", scope.Scope{"repository", "", []string{"pull"}},
		},
		"a host with a port": {
			"repository:localhost:5000/alice/app:pull",
			scope.Scope{"repository", "localhost:5000/alice/app", []string{"pull"}},
		},
		"a host without a port": {
			"repository:registry.example.com/app:pull",
			scope.Scope{"repository", "registry.example.com/app", []string{"pull"}},
		},
		"a resource class": {
			"repository(plugin):alice/app:pull",
			scope.Scope{"repository", "alice/app", []string{"pull"}},
		},
		"a type with a hyphen": {
			"artifact-repository:org/charts:pull",
			scope.Scope{"artifact-repository", "org/charts", []string{"pull"}},
		},
		"a type and actions with underscores": {
			"x_account2:name:view,anonymous_first_pull",
			scope.Scope{"x_account2", "name", []string{"anonymous_first_pull", "view"}},
		},
		"a type with a digit": {
			"repository2:app:pull", scope.Scope{"repository2", "app", []string{"pull"}},
		},
		"every separator": {
			"repository:a.b_c__d-e---f:pull",
			scope.Scope{"repository", "a.b_c__d-e---f", []string{"pull"}},
		},
		"the longest name": {
			"repository:" + longest + ":pull", scope.Scope{"repository", longest, []string{"pull"}},
		},
		"punycode of a look-alike is its text": {
			"repository:xn--lice-5cd/app:pull",
			scope.Scope{"repository", "xn--lice-5cd/app", []string{"pull"}},
		},
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
	const notOfForm = "not of the form type:name:actions"
	const notAName = "the name is not a valid repository name"
	tooLong := strings.Repeat("a", maxNameLength+1)
	for _, test := range []struct{ name, in, reason string }{
		{"nothing", "", notOfForm},
		{"no colon", "repository", notOfForm},
		{"one colon", "repository:app", notOfForm},
		{"an empty type", ":app:pull", "empty type"},
		{"upper case in the type", "Repository:app:pull", "upper case 'R' in the type"},
		{"a path as the type", "../repository:app:pull", "unexpected character '.' in the type"},
		{
			"a look-alike in the type",
			"réposit:app:pull",
			`unexpected character '\u00e9' in the type`,
		},
		{
			"a hyphen before the type",
			"-repository:app:pull",
			"unexpected character '-' in the type",
		},
		{"a hyphen after the type", "repository-:app:pull", "unexpected character '-' in the type"},
		{"two hyphens in the type", "artifact--x:app:pull", "unexpected character '-' in the type"},
		{"an underscore before the type", "_x:app:pull", "unexpected character '_' in the type"},
		{"an underscore after the type", "x_:app:pull", "unexpected character '_' in the type"},
		{"two separators in the type", "x-_y:app:pull", "unexpected character '_' in the type"},
		{
			"an unclosed class",
			"repository(plugin:app:pull",
			"no closing parenthesis after the resource class",
		},
		{"an empty class", "repository():app:pull", "empty resource class"},
		{
			"upper case in the class",
			"repository(Plugin):app:pull",
			"upper case 'P' in the resource class",
		},
		{
			"text after the class",
			"repository(plugin)x:app:pull",
			"unexpected character ')' in the resource class",
		},
		{"an empty name of a registry", "registry::*", "empty name"},
		{"upper case in the name", "repository:alice/App:pull", "upper case 'A' in the name"},
		{"upper case in the host", "repository:Alice/app:pull", "upper case 'A' in the name"},
		{"dot segments", "repository:alice/../bob:pull", notAName},
		{"a slash in front", "repository:/alice:pull", notAName},
		{"a slash behind", "repository:alice/:pull", notAName},
		{"two slashes", "repository:alice//app:pull", notAName},
		{"two dots", "repository:alice/a..b:pull", notAName},
		{"three underscores", "repository:alice/a___b:pull", notAName},
		{"a component of separators", "repository:alice/-/app:pull", notAName},
		{"a hyphen behind", "repository:alice/app-:pull", notAName},
		{"a backslash", `repository:alice\app:pull`, `unexpected character '\\' in the name`},
		{"a percent-escape", "repository:alice%2fapp:pull", "unexpected character '%' in the name"},
		{"a line break", "repository:alice\n/app:pull", `unexpected character '\n' in the name`},
		{"a NUL", "repository:alice\x00/app:pull", `unexpected character '\x00' in the name`},
		{"invalid UTF-8", "repository:alice\xff/app:pull", "invalid UTF-8 in the name"},
		{
			"a Cyrillic a",
			"repository:\u0430lice/app:pull",
			`unexpected character '\u0430' in the name`,
		},
		{
			"a full-width letter",
			"repository:alice/\uff41pp:pull",
			`unexpected character '\uff41' in the name`,
		},
		{"a glob", "repository:alice/*:pull", "unexpected character '*' in the name"},
		{"a tag in the name", "repository:alice/app:latest:pull", notAName},
		{"a host without a repository", "repository:localhost:5000:pull", notAName},
		{"a host with a name for a port", "repository:localhost:http/app:pull", notAName},
		{"an IPv6 host", "repository:[::1]:5000/app:pull", "unexpected character '[' in the name"},
		{
			"a name that is too long",
			"repository:" + tooLong + ":pull",
			"the name is longer than 255 bytes",
		},
		{"upper case in an action", "repository:app:pull,PUSH", "upper case 'P' in the actions"},
		{"a digit in an action", "repository:app:pull2", "unexpected character '2' in the actions"},
		{
			"an underscore before an action",
			"repository:app:_pull",
			"unexpected character '_' in the actions",
		},
		{
			"an underscore after an action",
			"repository:app:pull_",
			"unexpected character '_' in the actions",
		},
		{
			"two underscores in an action",
			"repository:app:first__pull",
			"unexpected character '_' in the actions",
		},
		{
			"a hyphen in an action",
			"repository:app:first-pull",
			"unexpected character '-' in the actions",
		},
		{"a star in an action", "repository:app:pull*", "unexpected character '*' in the actions"},
		{
			"a line break after an action",
			"repository:app:pull\n",
			`unexpected character '\n' in the actions`,
		},
		{
			"a bar between actions",
			"repository:app:pull|push",
			"unexpected character '|' in the actions",
		},
		{
			"too many actions",
			"repository:app:a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q",
			"more than 16 actions",
		},
		{
			"a scope that is too long",
			"repository:app:" + strings.Repeat("a", 512),
			"the scope is longer than 512 bytes",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := scope.Parse(test.in)
			var malformed *scope.ParseError
			if !errors.As(err, &malformed) {
				t.Fatalf("Parse(%q) = %v, %v, want a *ParseError", test.in, got, err)
			}
			if !reflect.DeepEqual(got, scope.Scope{}) {
				t.Errorf("Parse(%q) returned %v beside an error", test.in, got)
			}
			want := scope.ParseError{Input: test.in, Reason: test.reason}
			if *malformed != want {
				t.Errorf("Parse(%q):\n got %+v\nwant %+v", test.in, *malformed, want)
			}
		})
	}
}

func TestParseErrorShowsInputAndReason(t *testing.T) {
	_, err := scope.Parse("repository:Alice/app:pull")
	const want = `scope "repository:Alice/app:pull": upper case 'A' in the name`
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
	unprintable := func(r rune) bool { return r < ' ' || r == '\u202e' }
	if len(text) > 300 || strings.ContainsFunc(text, unprintable) {
		t.Errorf("the error is long or not printable: %q", text)
	}
}

func TestParseList(t *testing.T) {
	const a, b, catalog = "repository:a:pull", "repository:b:pull", "registry:catalog:*"
	for _, test := range []struct {
		name      string
		values    []string
		want      string
		malformed int
	}{
		{"no value", nil, "", 0},
		{"an empty value", []string{""}, "", 0},
		{
			"repeated parameters",
			[]string{"repository:b:push,pull", a},
			"repository:b:pull,push " + a, 0,
		},
		{"a list separated by spaces", []string{b + " " + a}, b + " " + a, 0},
		{"spaces around and between", []string{"  " + b + "   " + a + " "}, b + " " + a, 0},
		{
			"a list and a repeated parameter",
			[]string{b + " " + a, "", catalog},
			b + " " + a + " " + catalog, 0,
		},
		{"a malformed scope among others", []string{"repository:B:pull " + a}, a, 1},
		{"only malformed scopes", []string{"garbage", "repository:B:pull"}, "", 2},
		{"a tab does not separate", []string{a + "\t" + b}, "", 1},
		{"a line break does not separate", []string{a + "\n" + b}, "", 1},
		{"a no-break space does not separate", []string{a + "\u00a0" + b}, "", 1},
		{
			"duplicates are kept for the log",
			[]string{a + " repository:a:push"},
			a + " repository:a:push", 0,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			list, malformed := scope.ParseList(test.values...)
			if got := scope.Format(list); got != test.want || len(malformed) != test.malformed {
				t.Errorf("ParseList(%q) = %q with %d malformed, want %q with %d",
					test.values, got, len(malformed), test.want, test.malformed)
			}
		})
	}
}
