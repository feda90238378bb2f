package acl

import (
	"errors"
	"strings"
	"testing"
)

func TestParseJSON(t *testing.T) {
	rules := mustParse(t, `[
		{"match": {"account": "", "labels": {"group": "devs", "null": ""}}, "actions": ["pull"],
		 "comment": "null", "require_account": true},
		{"match": {}, "actions": []}
	]`)
	first := rules[0]
	if len(rules) != 2 || *first.Match.Account != "" || first.Match.Name != nil ||
		first.Match.Labels["group"] != "devs" ||
		!first.RequireAccount || first.Comment != "null" {
		t.Errorf("got %+v", rules)
	}
	if rules[1].Match == nil || rules[1].Actions == nil {
		t.Errorf("an empty match and empty actions are lost: %+v", rules[1])
	}
}

func TestParseJSONRefuses(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"an unknown key":        {`[{}, {"macth": {}}]`, "rule 2: macth: unknown key"},
		"a key in another case": {`[{}, {"Match": {}}]`, "rule 2: Match: unknown key"},
		"an unknown key in a match": {
			`[{}, {"match": {"user": "x"}}]`, "rule 2: match.user: unknown key",
		},
		"a duplicate key": {
			`[{}, {"match": {}, "actions": [], "match": {"account": "x"}}]`,
			"rule 2: match: duplicate key",
		},
		"a duplicate condition": {
			`[{}, {"match": {"name": "a", "name": "b"}}]`, "rule 2: match.name: duplicate key",
		},
		"a duplicate label": {
			`[{}, {"match": {"labels": {"a": "x", "a": "y"}}}]`,
			"rule 2: match.labels.a: duplicate key",
		},
		"a null condition": {
			`[{}, {"match": {"account": null}}]`, "rule 2: match.account: unexpected null",
		},
		"a null match": {
			`[{}, {"match": null}]`, "rule 2: match: unexpected null",
		},
		"a null label": {
			`[{}, {"match": {"labels": {"a": null}}}]`, "rule 2: match.labels.a: unexpected null",
		},
		"a null action": {
			`[{}, {"actions": [null]}]`, "rule 2: actions: unexpected null",
		},
		"a null rule": {`[{}, null]`, "rule 2: rule: unexpected null"},
		"a number for a string": {
			`[{}, {"match": {"name": 1}}]`, "rule 2: match.name: unexpected number",
		},
		"a string for a list": {
			`[{}, {"actions": "pull"}]`, "rule 2: actions: unexpected string",
		},
		"a string for a match": {
			`[{}, {"match": "x"}]`, "rule 2: match: unexpected string",
		},
		"a list for a rule": {`[{}, []]`, "rule 2: rule: unexpected array"},
	} {
		t.Run(name, func(t *testing.T) {
			rules, err := ParseJSON([]byte(test.text))
			var broken *RuleError
			if rules != nil || !errors.As(err, &broken) || broken.Number != 2 ||
				!strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, %v, want %q", rules, err, test.want)
			}
		})
	}
	for name, text := range map[string]string{
		"text that is not JSON":    `- match: {}`,
		"empty text":               ``,
		"an object":                `{"match": {}}`,
		"text after the array":     `[] []`,
		"null":                     `null`,
		"too deeply nested arrays": strings.Repeat("[", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			var broken *RuleError
			if rules, err := ParseJSON([]byte(text)); err == nil || errors.As(err, &broken) {
				t.Errorf("got %v, %v, want an error about no rule", rules, err)
			}
		})
	}
}
