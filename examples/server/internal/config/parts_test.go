package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// outcome is what was read of the rules of a file.
type outcome struct {
	rules    Rules
	problems string
}

func outcomeOf(r *reader, root *yaml.Node) outcome {
	var o outcome
	r.entries(root, "the configuration", func(key, value *yaml.Node) {
		if key.Value == "acl" {
			r.rules(key.Value, value, &o.rules)
		}
	})
	for i := range o.rules.rules {
		if o.rules.rules[i].Match == nil {
			o.rules.Positions[i] = Position{} // the library says of an empty item that it is where the next begins
		}
	}
	if len(r.problems) > 0 {
		o.problems = joinProblems(r.problems).Error()
	}
	return o
}

// comparePart reads a file in parts of one item, if that can be done, and as a whole. Both have to come to the same.
func comparePart(t *testing.T, content string) (inParts bool) {
	t.Helper()
	l := &loader{cfg: &Config{}}
	root, ahead := l.readParts("config.yml", []byte(content), 1)
	if root == nil {
		return false
	}
	got := outcomeOf(&reader{loader: l, file: "config.yml", ahead: ahead}, root)
	l = &loader{cfg: &Config{}}
	var want outcome
	if root := l.parse("config.yml", []byte(content)); root != nil {
		want = outcomeOf(&reader{loader: l, file: "config.yml"}, root)
	} else {
		want.problems = joinProblems(l.problems).Error()
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("in parts:\n%+v\nas a whole:\n%+v\nof:\n%s", got, want, content)
	}
	return true
}

// partsVectors are files, and whether they are read in parts.
var partsVectors = map[string]struct {
	content string
	inParts bool
}{
	"a list":                    {"users: {}\nacl:\n  - {match: {name: a}, actions: [pull]}\n  - match: {name: b}\n    actions: []\ntoken: {}\n", true},
	"at the margin":             {"acl: # all of them\n- match: {}\n  actions: []\n\n# two\n- match: {name: b}\n  actions: [pull]\nusers:\n", true},
	"at the end of the file":    {"acl:\n  - {match: {}, actions: []}\n  - {match: {}, actions: [pull]}", true},
	"with comments":             {"acl:\n# one\n  - match: {}\n# in it\n    actions: []\n  # two\n  - {match: {}, actions: [pull]}\n#end\n", true},
	"a block of text":           {"acl:\n  - match: {}\n    comment: |\n      - a\n      - b\n    actions: []\n  - {match: {}, actions: []}\n", true},
	"mistakes":                  {"acl:\n  - {match: {}, action: []}\n  - {match: {}, match: {nam: a}}\n  - 3\nacl: []\n", true},
	"an anchor in its part":     {"acl:\n  - {match: &m {name: a}, actions: []}\n  - {match: {<<: {name: b}}, actions: []}\n", true},
	"a short list":              {"acl:\n  - {match: {}, actions: []}\n", false},
	"a list in brackets":        {"acl: [{match: {}, actions: []},\n  {match: {}, actions: []}]\n", false},
	"no list":                   {"acl:\n  match:\n  actions:\n", false},
	"an alias":                  {"acl:\n  - {match: &m {name: a}, actions: []}\n  - {match: *m, actions: [pull]}\n", false},
	"an item that is not ended": {"acl:\n  - {match: {name: \"a\n  - b\"}, actions: []}\n  - {match: {}, actions: []}\n", false},
	"in a text":                 {"issuer: \"\nacl:\n  - {match: {}, actions: []}\n  - {match: {}, actions: []}\n\"\n", false},
	"in a block of text":        {"issuer: |\n acl:\n  - {}\n  - {}\n", false},
	"two documents":             {"acl:\n  - {match: {}, actions: []}\n---\nacl:\n  - {match: {}, actions: []}\n", false},
	"an outdented line":         {"acl:\n  - {match: {}, actions: []}\n - {match: {}, actions: []}\n", false},
	"lines with two ends":       {"acl:\r\n  - {match: {}, actions: []}\r\n  - {match: {}, actions: []}\r\n", false},
}

func TestParts(t *testing.T) {
	for name, test := range partsVectors {
		t.Run(name, func(t *testing.T) {
			if got := comparePart(t, test.content); got != test.inParts {
				t.Errorf("read in parts: %t", got)
			}
		})
	}
}

// TestPartsOfMany: the positions of rules are the same in a list of several parts.
func TestPartsOfMany(t *testing.T) {
	const count = 60_000
	var b strings.Builder
	b.WriteString("acl:\n")
	for i := range count {
		fmt.Fprintf(&b, "  - match: {name: \"team%d/*\"}\n    actions: [pull]\n", i)
	}
	if _, _, parts := cutRules([]byte(b.String()), partBytes); len(parts) < 3 {
		t.Fatalf("%d parts", len(parts))
	}
	l := &loader{cfg: &Config{}}
	root, r := l.read("config.yml", []byte(b.String()))
	got := outcomeOf(r, root)
	for i := range count {
		if name := *got.rules.rules[i].Match.Name; name != fmt.Sprintf("team%d/*", i) || got.rules.Positions[i].Line != 2*i+2 {
			t.Fatalf("rule %d is about %s, at %s", i+1, name, got.rules.Positions[i])
		}
	}
}

// FuzzParts states that a file which can be read in parts says the same as a whole.
func FuzzParts(f *testing.F) {
	for _, test := range partsVectors {
		f.Add(test.content)
	}
	f.Fuzz(func(t *testing.T, content string) { comparePart(t, content) })
}
