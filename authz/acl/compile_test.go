package acl

import (
	"errors"
	"strconv"
	"strings"
	"testing"
)

func TestCompileRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		rule string
		want []string
	}{
		"a rule without match": {
			`{"actions": []}`,
			[]string{`rule 2: match: missing; to match everything, write "match: {}"`},
		},
		"a rule without actions": {
			`{"match": {}}`,
			[]string{`rule 2: actions: missing; to refuse, write an empty list: "actions: []"`},
		},
		"an empty rule": {
			`{}`, []string{"rule 2: actions: missing", "rule 2: match: missing"},
		},
		"an unknown variable": {
			`{"match": {"name": "${user}/*"}, "actions": []}`,
			[]string{"rule 2: match.name: unknown variable ${user}"},
		},
		"a variable without a name": {
			`{"match": {"name": "${}"}, "actions": []}`, []string{"unknown variable ${}"},
		},
		"labels without a label": {
			`{"match": {"name": "${labels:}"}, "actions": []}`,
			[]string{"unknown variable ${labels:}"},
		},
		"a variable without a closing brace": {
			`{"match": {"name": "${account/*"}, "actions": []}`, []string{"closing brace"},
		},
		"a capture group that is not a number": {
			`{"match": {"name": "${account:x}"}, "actions": []}`,
			[]string{"a capture group is a number"},
		},
		"a capture group below zero": {
			`{"match": {"name": "${account:-1}"}, "actions": []}`,
			[]string{"a capture group is a number"},
		},
		"a glob with an unclosed class": {
			`{"match": {"name": "a[b"}, "actions": []}`,
			[]string{`rule 2: match.name: bad glob "a[b"`},
		},
		"a glob with a variable and an unclosed class": {
			`{"match": {"name": "${account}/[b"}, "actions": []}`, []string{"bad glob"},
		},
		"a glob that ends in a backslash": {
			`{"match": {"name": "a\\"}, "actions": []}`, []string{"bad glob"},
		},
		"a bad regular expression": {
			`{"match": {"account": "/(/"}, "actions": []}`,
			[]string{"rule 2: match.account: bad regular expression: missing closing )"},
		},
		"a variable in a class": {
			`{"match": {"name": "[${account}]"}, "actions": []}`,
			[]string{"${account} stands in a character class"},
		},
		"a variable in a class of an expression": {
			`{"match": {"name": "/[^]${account}]/"}, "actions": []}`,
			[]string{"a variable stands in a character class"},
		},
		"a variable in a class after a class with [:": {
			`{"match": {"name": "/[[:][]${account}]/"}, "actions": []}`,
			[]string{"a variable stands in a character class"},
		},
		"a variable after a named class": {
			`{"match": {"name": "/[[:alpha:]${account}]/"}, "actions": []}`,
			[]string{"character class"},
		},
		"a variable after a backslash": {
			`{"match": {"name": "a\\${account}"}, "actions": []}`,
			[]string{"stands after a backslash"},
		},
		"a variable after \\Q": {
			`{"match": {"name": "/\\Q${account}\\E/"}, "actions": []}`, []string{`after \Q`},
		},
		"two repeated labels": {
			`{"match": {"name": "${labels:a}${labels:b}${labels:a}${labels:b}"}, "actions": []}`,
			[]string{"${labels:a} and ${labels:b} both can occur more than once"},
		},
		"two labels under a quantifier": {
			`{"match": {"name": "/^(${labels:a}-|${labels:b})+$/"}, "actions": []}`,
			[]string{"${labels:a} and ${labels:b} both can occur more than once"},
		},
		"a bad address": {
			`{"match": {"ip": "10.1.2"}, "actions": []}`,
			[]string{`rule 2: match.ip: "10.1.2" is not an address`},
		},
		"an address with a zone": {
			`{"match": {"ip": "fe80::1%eth0"}, "actions": []}`, []string{"is not an address"},
		},
		"a bad prefix": {
			`{"match": {"ip": "10.0.0.0/33"}, "actions": []}`,
			[]string{`"10.0.0.0/33" is not an address or a prefix`},
		},
		"a bad pattern for a label": {
			`{"match": {"labels": {"group": "["}}, "actions": []}`,
			[]string{"rule 2: match.labels.group: bad glob"},
		},
		"several mistakes in one rule": {
			`{"match": {"name": "[", "account": "/(/", "ip": "x"}}`,
			[]string{"actions", "match.name", "match.account", "match.ip"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			rules := mustParse(t, `[{"match": {}, "actions": []}, `+test.rule+`]`)
			l, _, err := Compile(rules)
			var broken *RuleError
			if l != nil || !errors.As(err, &broken) || broken.Number != 2 {
				t.Fatalf("got %v, %v, want an error about rule 2", l, err)
			}
			if lines := strings.Count(err.Error(), "\n") + 1; lines != len(test.want) {
				t.Errorf("got %d errors, want %d: %v", lines, len(test.want), err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\ndoes not contain %q", err, want)
				}
			}
		})
	}
}

func TestCompileReportsEveryMistake(t *testing.T) {
	_, warnings, err := Compile(mustParse(t, `[
		{"match": {"name": "["}, "actions": []},
		{"match": {}, "actions": ["*"]},
		{"actions": ["pull"]}
	]`))
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 2 || warnings != nil {
		t.Fatalf("got %v and %v, want two joined errors and no warnings", err, warnings)
	}
	if text := err.Error(); !strings.Contains(text, "rule 1: match.name") ||
		!strings.Contains(text, "rule 3: match") {
		t.Errorf("got %v, want errors about the rules 1 and 3", err)
	}
}

func TestCompileCopiesRules(t *testing.T) {
	rules := mustParse(t, `[{"match": {"name": "a", "labels": {"x": "y"}}, "actions": ["pull"]}]`)
	l := mustCompile(t, rules...)
	*rules[0].Match.Name, rules[0].Match.Labels["x"], rules[0].Actions[0] = "b", "z", "push"
	r := ask(user("alice", map[string][]string{"x": {"y"}}), "a", "pull")
	if d := decide(t, l, r); len(d.Actions) != 1 {
		t.Errorf("got %+v after the rules changed", d)
	}
}

func TestWarnings(t *testing.T) {
	const everybody, never = "allows everybody to push", "can never match"
	for name, test := range map[string]struct {
		rules string
		want  []string // "number: part of the text", in order
	}{
		"the tutorial has no warnings": {tutorial, nil},
		"push without any condition": {
			`[{"match": {}, "actions": ["push"]}]`, []string{"1: " + everybody},
		},
		"everything on some names": {
			`[{"match": {"name": "a/*"}, "actions": ["*"]}]`, []string{"1: " + everybody},
		},
		"push for any account": {
			`[{"match": {"account": "*"}, "actions": ["pull", "push"]}]`,
			[]string{"1: " + everybody},
		},
		"push for the anonymous subject": {
			`[{"match": {"account": ""}, "actions": ["push"]}]`, []string{"1: " + everybody},
		},
		"push for any user": {
			`[{"match": {"account": "/.+/"}, "actions": ["push"]}]`, nil,
		},
		"push with require_account": {
			`[{"match": {}, "actions": ["push"], "require_account": true}]`, nil,
		},
		"push from an address": {
			`[{"match": {"ip": "10.0.0.1"}, "actions": ["push"]}]`, nil,
		},
		"push from every address": {
			`[{"match": {"ip": "0.0.0.0/0"}, "actions": ["push"]}]`, []string{"1: " + everybody},
		},
		"push with the variable ${name}": {
			`[{"match": {"name": "${name}"}, "actions": ["*"]}]`, []string{"1: " + everybody},
		},
		"push with the variable ${type}": {
			`[{"match": {"type": "${type}"}, "actions": ["*"]}]`, []string{"1: " + everybody},
		},
		"push with the variable ${service}": {
			`[{"match": {"service": "${service}"}, "actions": ["*"]}]`, []string{"1: " + everybody},
		},
		"push to a group's namespace": {
			`[{"match": {"name": "${labels:group}/*"}, "actions": ["*"]}]`, nil,
		},
		"an anonymous rule after a rule for users": {
			`[
				{"match": {"account": "/.+/"}, "actions": []},
				{"match": {"account": "", "name": "a*"}, "actions": ["pull"]}
			]`,
			nil,
		},
		"push for a label": {
			`[{"match": {"labels": {"group": "*"}}, "actions": ["push"]}]`, nil,
		},
		"push to the user's namespace": {
			`[{"match": {"name": "${account}/*"}, "actions": ["push"]}]`, nil,
		},
		"pull for everybody": {`[{"match": {}, "actions": ["pull"]}]`, nil},
		"the catalog for everybody": {
			`[{"match": {"type": "registry"}, "actions": ["*"]}]`, nil,
		},
		"an action that no client requests": {
			`[{"match": {}, "actions": ["Pull", ""]}]`,
			[]string{
				`1: no client requests the action "Pull"`,
				`1: no client requests the action ""`,
			},
		},
		"an action of two words": {
			`[{"match": {}, "actions": ["first_pull"]}]`, nil,
		},
		"a star next to other actions": {
			`[{"match": {"account": "a"}, "actions": ["*", "pull"]}]`,
			[]string{`1: next to other actions, "*" grants`},
		},
		"an invalid name": {
			`[{"match": {"name": "a//b"}, "actions": []}, {"match": {"name": ""}, "actions": []}]`,
			[]string{"1: " + never, "2: " + never},
		},
		"a capture group without an expression": {
			`[{"match": {"name": "${account:1}/*"}, "actions": []}]`,
			[]string{"1: ${account:1} matches nothing: the rule's account has no such group"},
		},
		"a capture group of a glob": {
			`[{"match": {"account": "a*", "name": "${account:1}/*"}, "actions": []}]`,
			[]string{"1: ${account:1} matches nothing: the rule's account has no such group"},
		},
		"a capture group that the expression lacks": {
			`[{"match": {"account": "/(a)/", "name": "${account:2}/*"}, "actions": []}]`,
			[]string{"1: ${account:2} matches nothing: the rule's account has no such group"},
		},
		"a capture group of another rule": {`[
			{"match": {"name": "${account:1}/*"}, "actions": []},
			{"match": {"account": "/^(a)/", "name": "${account:1}/*"}, "actions": []}
		]`, []string{"1: ${account:1} matches nothing"}},
		"the same rule with a capture group twice": {`[
			{"match": {"account": "/^(a)/", "name": "${account:1}/*"}, "actions": []},
			{"match": {"account": "/^(a)/", "name": "${account:1}/*"}, "actions": ["pull"]}
		]`, []string{"2: can never match: rule 1 covers it"}},
		"a literal expression after a glob that covers it": {`[
			{"match": {"name": "a*"}, "actions": []},
			{"match": {"name": "/^ab$/"}, "actions": ["pull"]}
		]`, []string{"2: can never match: rule 1 covers it"}},
		"the same rule twice": {
			`[
				{"match": {"name": "a*"}, "actions": []},
				{"match": {"name": "a*"}, "actions": ["pull"]}
			]`,
			[]string{"2: can never match: rule 1 covers it"},
		},
		"a rule after one that matches everything": {
			`[
				{"match": {}, "actions": []},
				{"match": {"name": "a*", "ip": "::/8"}, "actions": ["pull"]}
			]`,
			[]string{"2: can never match: rule 1 covers it"},
		},
		"a rule with more conditions": {
			`[
				{"match": {"name": "a*"}, "actions": []},
				{"match": {"name": "a*", "account": "x"}, "actions": ["pull"]}
			]`,
			[]string{"2: can never match: rule 1 covers it"},
		},
		"a rule with fewer conditions": {
			`[
				{"match": {"name": "a*", "account": "x"}, "actions": []},
				{"match": {"name": "a*"}, "actions": ["pull"]}
			]`,
			nil,
		},
		"a rule that also matches the anonymous subject": {
			`[
				{"match": {"name": "a*"}, "actions": [], "require_account": true},
				{"match": {"name": "a*"}, "actions": ["pull"]}
			]`,
			nil,
		},
		"a user's rule after one with require_account": {
			`[
				{"match": {"name": "a*"}, "actions": [], "require_account": true},
				{"match": {"name": "a*", "account": "x"}, "actions": ["pull"]}
			]`,
			[]string{"2: can never match: rule 1 covers it"},
		},
		"a name after a glob that covers it": {
			`[
				{"match": {"name": "a/*"}, "actions": []},
				{"match": {"name": "a/b", "account": "x"}, "actions": ["pull"]}
			]`,
			[]string{"2: can never match: rule 1 covers it"},
		},
		"a name after a glob that does not match it": {
			`[
				{"match": {"name": "a/*"}, "actions": []},
				{"match": {"name": "a/b/c"}, "actions": ["pull"]}
			]`,
			nil,
		},
		"a user after an expression that covers it": {
			`[
				{"match": {"account": "/^a/"}, "actions": []},
				{"match": {"account": "alice", "name": "x*"}, "actions": ["pull"]}
			]`,
			[]string{"2: can never match: rule 1 covers it"},
		},
		"a name in the user's namespace": {
			`[
				{"match": {"name": "${account}/*"}, "actions": []},
				{"match": {"account": "a", "name": "a/b"}, "actions": ["pull"]}
			]`,
			[]string{"2: can never match: rule 1 covers it"},
		},
		"a name in some user's namespace": {
			`[
				{"match": {"name": "${account}/*"}, "actions": []},
				{"match": {"name": "a/b"}, "actions": ["pull"]}
			]`,
			nil,
		},
		"an address in a prefix": {
			`[
				{"match": {"ip": "10.0.0.0/8"}, "actions": []},
				{"match": {"ip": "10.0.0.1"}, "actions": ["pull"]}
			]`,
			[]string{"2: can never match: rule 1 covers it"},
		},
		"another label": {
			`[
				{"match": {"labels": {"a": "x"}}, "actions": []},
				{"match": {"labels": {"b": "x"}}, "actions": ["pull"]}
			]`,
			nil,
		},
		"a label after a glob that covers it": {
			`[
				{"match": {"labels": {"a": "x*"}}, "actions": []},
				{"match": {"labels": {"a": "xy"}}, "actions": ["pull"]}
			]`,
			[]string{"2: can never match: rule 1 covers it"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, warnings, err := Compile(mustParse(t, test.rules))
			if err != nil {
				t.Fatal(err)
			}
			if len(warnings) != len(test.want) {
				t.Fatalf("got %v, want %q", warnings, test.want)
			}
			for i, w := range warnings {
				number, text, _ := strings.Cut(test.want[i], ": ")
				if strconv.Itoa(w.Number) != number || !strings.Contains(w.Text, text) {
					t.Errorf("got %q, want %q", w, test.want[i])
				}
			}
		})
	}
}
