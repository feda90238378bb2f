package acl

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestCompileRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		rule string
		want []string
	}{
		"a rule without match":               {`{"actions": []}`, []string{`rule 2: match: missing; to match everything, write "match: {}"`}},
		"a rule without actions":             {`{"match": {}}`, []string{`rule 2: actions: missing; to refuse, write an empty list: "actions: []"`}},
		"a rule without anything":            {`{}`, []string{"rule 2: actions: missing", "rule 2: match: missing"}},
		"an unknown variable":                {`{"match": {"name": "${user}/*"}, "actions": []}`, []string{"rule 2: match.name: unknown template variable ${user}"}},
		"a variable without a name":          {`{"match": {"name": "${}"}, "actions": []}`, []string{"unknown template variable ${}"}},
		"labels without a label":             {`{"match": {"name": "${labels:}"}, "actions": []}`, []string{"unknown template variable ${labels:}"}},
		"a template that does not end":       {`{"match": {"name": "${account/*"}, "actions": []}`, []string{"closing brace"}},
		"a capture group that is no number":  {`{"match": {"name": "${account:x}"}, "actions": []}`, []string{"a capture group is a number"}},
		"a capture group below zero":         {`{"match": {"name": "${account:-1}"}, "actions": []}`, []string{"a capture group is a number"}},
		"a glob with an open class":          {`{"match": {"name": "a[b"}, "actions": []}`, []string{`rule 2: match.name: bad glob "a[b"`}},
		"a glob with a template and a class": {`{"match": {"name": "${account}/[b"}, "actions": []}`, []string{"bad glob"}},
		"a glob that ends in a backslash":    {`{"match": {"name": "a\\"}, "actions": []}`, []string{"bad glob"}},
		"an expression that is none":         {`{"match": {"account": "/(/"}, "actions": []}`, []string{"rule 2: match.account: bad regular expression: missing closing )"}},
		"a template in a class":              {`{"match": {"name": "[${account}]"}, "actions": []}`, []string{"${account} stands in a character class"}},
		"a template in an expression's class": {
			`{"match": {"name": "/[^]${account}]/"}, "actions": []}`, []string{"a template stands in a character class"},
		},
		"a template in a class after a class with [:": {
			`{"match": {"name": "/[[:][]${account}]/"}, "actions": []}`, []string{"a template stands in a character class"},
		},
		"a template after a named class":   {`{"match": {"name": "/[[:alpha:]${account}]/"}, "actions": []}`, []string{"character class"}},
		"a template after a backslash":     {`{"match": {"name": "a\\${account}"}, "actions": []}`, []string{"stands after a backslash"}},
		"a template in a quotation":        {`{"match": {"name": "/\\Q${account}\\E/"}, "actions": []}`, []string{`after \Q`}},
		"two labels that occur twice":      {`{"match": {"name": "${labels:a}${labels:b}${labels:a}${labels:b}"}, "actions": []}`, []string{"${labels:a} and ${labels:b} both occur more than once"}},
		"an address that is none":          {`{"match": {"ip": "10.1.2"}, "actions": []}`, []string{`rule 2: match.ip: "10.1.2" is not an address`}},
		"an address with a zone":           {`{"match": {"ip": "fe80::1%eth0"}, "actions": []}`, []string{"is not an address"}},
		"a prefix that is none":            {`{"match": {"ip": "10.0.0.0/33"}, "actions": []}`, []string{`"10.0.0.0/33" is not an address or a prefix`}},
		"a bad pattern for a label":        {`{"match": {"labels": {"group": "["}}, "actions": []}`, []string{"rule 2: match.labels.group: bad glob"}},
		"everything that is wrong at once": {`{"match": {"name": "[", "account": "/(/", "ip": "x"}}`, []string{"actions", "match.name", "match.account", "match.ip"}},
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

func TestCompileTellsOfAllBrokenRules(t *testing.T) {
	_, _, err := Compile(mustParse(t, `[{"match": {"name": "["}, "actions": []}, {"match": {}, "actions": []}, {"actions": ["pull"]}]`))
	if err == nil || !strings.Contains(err.Error(), "rule 1: match.name") || !strings.Contains(err.Error(), "rule 3: match") {
		t.Errorf("got %v, want errors about the rules 1 and 3", err)
	}
}

func TestWarnings(t *testing.T) {
	const everybody, never = "allows everybody to push", "can never match"
	for name, test := range map[string]struct {
		rules string
		want  []string // "number: part of the text", in order
	}{
		"nothing to say":                    {tutorial, nil},
		"push without any condition":        {`[{"match": {}, "actions": ["push"]}]`, []string{"1: " + everybody}},
		"everything on some names":          {`[{"match": {"name": "a/*"}, "actions": ["*"]}]`, []string{"1: " + everybody}},
		"push for any account":              {`[{"match": {"account": "*"}, "actions": ["pull", "push"]}]`, []string{"1: " + everybody}},
		"push for the anonymous subject":    {`[{"match": {"account": ""}, "actions": ["push"]}]`, []string{"1: " + everybody}},
		"push for any user":                 {`[{"match": {"account": "/.+/"}, "actions": ["push"]}]`, nil},
		"push with require_account":         {`[{"match": {}, "actions": ["push"], "require_account": true}]`, nil},
		"push from an address":              {`[{"match": {"ip": "10.0.0.1"}, "actions": ["push"]}]`, nil},
		"push from every address":           {`[{"match": {"ip": "0.0.0.0/0"}, "actions": ["push"]}]`, []string{"1: " + everybody}},
		"push to the name that it has":      {`[{"match": {"name": "${name}"}, "actions": ["*"]}]`, []string{"1: " + everybody}},
		"push of the type that it has":      {`[{"match": {"type": "${type}"}, "actions": ["*"]}]`, []string{"1: " + everybody}},
		"push at the service that it is":    {`[{"match": {"service": "${service}"}, "actions": ["*"]}]`, []string{"1: " + everybody}},
		"push to a group's namespace":       {`[{"match": {"name": "${labels:group}/*"}, "actions": ["*"]}]`, nil},
		"anonymous behind a user's rule":    {`[{"match": {"account": "/.+/"}, "actions": []}, {"match": {"account": "", "name": "a*"}, "actions": ["pull"]}]`, nil},
		"push for a label":                  {`[{"match": {"labels": {"group": "*"}}, "actions": ["push"]}]`, nil},
		"push in one's own namespace":       {`[{"match": {"name": "${account}/*"}, "actions": ["push"]}]`, nil},
		"pull for everybody":                {`[{"match": {}, "actions": ["pull"]}]`, nil},
		"the catalog for everybody":         {`[{"match": {"type": "registry"}, "actions": ["*"]}]`, nil},
		"an action that nobody asks for":    {`[{"match": {}, "actions": ["Pull", ""]}]`, []string{`1: no client requests the action "Pull"`, `1: no client requests the action ""`}},
		"a star beside others":              {`[{"match": {"account": "a"}, "actions": ["*", "pull"]}]`, []string{`1: "*" next to other actions`}},
		"a name that no resource has":       {`[{"match": {"name": "a//b"}, "actions": []}, {"match": {"name": ""}, "actions": []}]`, []string{"1: " + never, "2: " + never}},
		"a group without an expression":     {`[{"match": {"name": "${account:1}/*"}, "actions": []}]`, []string{"1: can never match: the rule's account has no capture group for ${account:1}"}},
		"a group of a glob":                 {`[{"match": {"account": "a*", "name": "${account:1}/*"}, "actions": []}]`, []string{"1: can never match: the rule's account has no capture group for ${account:1}"}},
		"a group that the expression lacks": {`[{"match": {"account": "/(a)/", "name": "${account:2}/*"}, "actions": []}]`, []string{"1: can never match: the rule's account has no capture group for ${account:2}"}},
		"a group that another rule has": {`[
			{"match": {"name": "${account:1}/*"}, "actions": []},
			{"match": {"account": "/^(a)/", "name": "${account:1}/*"}, "actions": []}
		]`, []string{"1: can never match: the rule's account has no capture group"}},
		"the same rule with a group twice": {`[
			{"match": {"account": "/^(a)/", "name": "${account:1}/*"}, "actions": []},
			{"match": {"account": "/^(a)/", "name": "${account:1}/*"}, "actions": ["pull"]}
		]`, []string{"2: can never match: rule 1 covers it"}},
		"a literal expression below a glob": {`[
			{"match": {"name": "a*"}, "actions": []},
			{"match": {"name": "/^ab$/"}, "actions": ["pull"]}
		]`, []string{"2: can never match: rule 1 covers it"}},
		"the same rule twice":                {`[{"match": {"name": "a*"}, "actions": []}, {"match": {"name": "a*"}, "actions": ["pull"]}]`, []string{"2: can never match: rule 1 covers it"}},
		"a rule after one for everything":    {`[{"match": {}, "actions": []}, {"match": {"name": "a*", "ip": "::/8"}, "actions": ["pull"]}]`, []string{"2: can never match: rule 1 covers it"}},
		"a rule with more conditions":        {`[{"match": {"name": "a*"}, "actions": []}, {"match": {"name": "a*", "account": "x"}, "actions": ["pull"]}]`, []string{"2: can never match: rule 1 covers it"}},
		"a rule with fewer conditions":       {`[{"match": {"name": "a*", "account": "x"}, "actions": []}, {"match": {"name": "a*"}, "actions": ["pull"]}]`, nil},
		"a rule that also lets in anonymous": {`[{"match": {"name": "a*"}, "actions": [], "require_account": true}, {"match": {"name": "a*"}, "actions": ["pull"]}]`, nil},
		"a user behind require_account":      {`[{"match": {"name": "a*"}, "actions": [], "require_account": true}, {"match": {"name": "a*", "account": "x"}, "actions": ["pull"]}]`, []string{"2: can never match: rule 1 covers it"}},
		"a name below a glob":                {`[{"match": {"name": "a/*"}, "actions": []}, {"match": {"name": "a/b", "account": "x"}, "actions": ["pull"]}]`, []string{"2: can never match: rule 1 covers it"}},
		"a name beside a glob":               {`[{"match": {"name": "a/*"}, "actions": []}, {"match": {"name": "a/b/c"}, "actions": ["pull"]}]`, nil},
		"a user below an expression":         {`[{"match": {"account": "/^a/"}, "actions": []}, {"match": {"account": "alice", "name": "x*"}, "actions": ["pull"]}]`, []string{"2: can never match: rule 1 covers it"}},
		"a name of the user's":               {`[{"match": {"name": "${account}/*"}, "actions": []}, {"match": {"account": "a", "name": "a/b"}, "actions": ["pull"]}]`, []string{"2: can never match: rule 1 covers it"}},
		"a name of some user's":              {`[{"match": {"name": "${account}/*"}, "actions": []}, {"match": {"name": "a/b"}, "actions": ["pull"]}]`, nil},
		"an address in a prefix":             {`[{"match": {"ip": "10.0.0.0/8"}, "actions": []}, {"match": {"ip": "10.0.0.1"}, "actions": ["pull"]}]`, []string{"2: can never match: rule 1 covers it"}},
		"another label":                      {`[{"match": {"labels": {"a": "x"}}, "actions": []}, {"match": {"labels": {"b": "x"}}, "actions": ["pull"]}]`, nil},
		"a label below a glob":               {`[{"match": {"labels": {"a": "x*"}}, "actions": []}, {"match": {"labels": {"a": "xy"}}, "actions": ["pull"]}]`, []string{"2: can never match: rule 1 covers it"}},
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
				if got := fmt.Sprintf("%d: %s", w.Number, w.Text); !strings.Contains(got, test.want[i][3:]) || got[:3] != test.want[i][:3] {
					t.Errorf("got %q, want %q", got, test.want[i])
				}
			}
		})
	}
}
