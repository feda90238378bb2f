package acl

import (
	"regexp/syntax"
	"strings"
	"testing"
	"unicode"
)

func TestVariablesAreRefusedWhereValuesWouldNotBeLiteral(t *testing.T) {
	for text, refused := range map[string]bool{
		"/[${account}]/":                     true,
		"/[a-${account}]/":                   true,
		"/[${account}-z]/":                   true,
		"/[^${account}]/":                    true,
		"/[]${account}]/":                    true,
		"/[^]${account}]/":                   true,
		"/[[:^alpha:]${account}]/":           true,
		"/[[:alpha${account}:]]/":            true,
		"/[[:][]${account}]/":                true,
		"/[[:][^]${account}]/":               true,
		`/[\]${account}]/`:                   true,
		"/(?i)[a${account}]/":                true,
		"/^${account}[${service}${type}]$/":  true,
		"/^${account}[[:][]${service}]x]$/":  true,
		`/\Q[${account}]\E/`:                 true,
		`/\Q${account}/`:                     true,
		`/\${account}/`:                      true,
		`/\p${account}/`:                     true,
		`/\Qa\E${account}/`:                  false,
		`/\Q[\E${account}]/`:                 false,
		`/\[${account}]/`:                    false,
		`/\\${account}/`:                     false,
		"/[[:]${account}]/":                  false, // the class ends before the variable
		"/[[:]x:]${account}/":                true,  // an invalid named class
		"/[[:alpha:]]${account}[]]/":         false,
		"/(?i:${account}|[${])${service}/":   true, // ${])${service} is not a variable
		"/(${account}(?:${service})){2,3}?/": false,
		"[a${account}]":                      true,
		"[^${account}]":                      true,
		"[a-${account}]":                     true,
		`[\]${account}]`:                     true,
		`a\${account}`:                       true,
		"[[:][a${account}]":                  true,
		"[[:]${account}]":                    false, // path.Match has no named classes
		"[[:a][b:]${account}":                false,
		`\[${account}]`:                      false,
		`[\]]${account}`:                     false,
	} {
		if _, err := parsePattern(text, nil); (err != nil) != refused {
			t.Errorf("%s: got %v, want an error: %t", text, err, refused)
		}
	}
}

// checkPlace fails if an expression compiles although its variable is not a literal in it. If the
// variable is in a class, the order of two characters in its place does not matter. If it is
// quoted, parentheses around a character matter.
func checkPlace(t *testing.T, before, after string) {
	t.Helper()
	const a, b = "\U000F0000", "\U000F0001"
	if _, err := parsePattern("/"+before+"${service}"+after+"/", nil); err != nil {
		return
	}
	parse := func(text string) string {
		tree, err := syntax.Parse(before+text+after, syntax.Perl)
		if err != nil {
			t.Fatalf("%q ${service} %q compiles, but with %q: %v", before, after, text, err)
		}
		return tree.String()
	}
	if parse(a+b) == parse(b+a) {
		t.Errorf("%q ${service} %q: the variable is in a character class", before, after)
	}
	if parse(a) != parse("(?:"+a+")") {
		t.Errorf("%q ${service} %q: the variable is quoted", before, after)
	}
}

// TestNoShortExpressionHasAVariableInAClass tries all classes of a few characters.
func TestNoShortExpressionHasAVariableInAClass(t *testing.T) {
	var try func(before string, more int)
	try = func(before string, more int) {
		checkPlace(t, before, "]")
		for _, c := range []string{"[", "]", "^", ":", `\`, "a"} {
			if more > 0 {
				try(before+c, more-1)
			}
		}
	}
	try("[", 5)
}

func TestCaseIsFoldedLikeInExpressions(t *testing.T) {
	for c := range unicode.MaxRune {
		if other := unicode.SimpleFold(c); foldCase(string(c)) != foldCase(string(other)) {
			t.Errorf("%q and %q differ", c, other)
		}
	}
}

// FuzzTemplatePlace states that an expression compiles only if its variable is a literal in it.
func FuzzTemplatePlace(f *testing.F) {
	f.Add("[[:][]", "]")
	f.Add("[[:^alpha:]", "]")
	f.Add("(?i)[a-", "]")
	f.Add(`\Q[`, `]\E`)
	f.Fuzz(func(t *testing.T, before, after string) {
		isPlaceholder := func(c rune) bool { return c >= '\U000F0000' }
		if text := before + after; len(text) > 100 || strings.Contains(text, "${") ||
			strings.ContainsFunc(text, isPlaceholder) || strings.Contains(text, `\x`) {
			return
		}
		checkPlace(t, before, after)
	})
}
