package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/berthpass/registry-auth/authz/acl"
)

// Rules are a list of rules, compiled, and where they stand.
type Rules struct {
	// List is nil when there are no rules, not even an empty list of them.
	List *acl.List
	// Positions are where the rules stand, that of rule 1 first.
	Positions []Position

	rules []acl.Rule // until they are compiled
	given bool
}

// Position is where the rule with that number stands.
func (rs *Rules) Position(number int) Position {
	if number < 1 || number > len(rs.Positions) {
		return Position{}
	}
	return rs.Positions[number-1]
}

// rules reads one of the keys acl, acl_file and acl_dir into the rules that were read before. They apply in that order: the
// order in the configuration.
func (r *reader) rules(key string, n *yaml.Node, into *Rules) {
	if into.given = into.given || !isNull(r.resolve(n)); isNull(r.resolve(n)) {
		return
	}
	switch key {
	case "acl_file":
		r.ruleFile(key, n, r.text(n, key), into)
	case "acl_dir":
		r.ruleFolder(n, r.text(n, key), into)
	default:
		r.ruleList(n, into)
	}
}

// ruleFolder reads the files *.yml and *.yaml of a folder, in the order of their names.
func (r *reader) ruleFolder(n *yaml.Node, folder string, into *Rules) {
	r.watch(folder)
	entries, err := os.ReadDir(folder)
	if err != nil {
		r.fail(n, "acl_dir: %w", plain(err))
		return
	}
	for _, entry := range entries { // in the order of their names
		name := entry.Name()
		if extension := filepath.Ext(name); entry.IsDir() || strings.HasPrefix(name, ".") || extension != ".yml" && extension != ".yaml" {
			continue
		}
		r.ruleFile("acl_dir", n, filepath.Join(folder, name), into)
	}
}

// ruleFile reads a file that holds a list of rules, or the keys acl and tests. The key is the one that named it.
func (r *reader) ruleFile(key string, n *yaml.Node, path string, into *Rules) {
	content, err := r.readFile(path)
	if err != nil {
		r.fail(n, "%s: %w", key, plain(err))
		return
	}
	root, file := r.read(path, content)
	if root == nil {
		return
	}
	if root.Kind == yaml.SequenceNode {
		file.ruleList(root, into)
		return
	}
	file.mapping(root, "a file of rules", func(key string, value *yaml.Node) bool {
		switch key {
		case "acl":
			file.ruleList(value, into)
		case "tests":
			file.tests(value)
		default:
			return false
		}
		return true
	})
}

func (r *reader) ruleList(n *yaml.Node, into *Rules) {
	if r.ahead != nil && n.Line == r.ahead.line {
		into.rules = append(into.rules, r.ahead.rules.rules...)
		into.Positions = append(into.Positions, r.ahead.rules.Positions...)
		return
	}
	r.sequence(n, "acl", func(item *yaml.Node) {
		into.rules = append(into.rules, r.rule(item))
		into.Positions = append(into.Positions, r.at(item))
	})
}

func (r *reader) rule(n *yaml.Node) acl.Rule {
	var rule acl.Rule
	r.mapping(n, "a rule", func(key string, value *yaml.Node) bool {
		switch key {
		case "match":
			if !isNull(r.resolve(value)) {
				rule.Match = r.match(value)
			}
		case "actions":
			if !isNull(r.resolve(value)) {
				rule.Actions = r.texts(value, key)
			}
		case "comment":
			rule.Comment = r.text(value, key)
		case "require_account":
			rule.RequireAccount = r.boolean(value, key)
		default:
			return false
		}
		return true
	})
	return rule
}

func (r *reader) match(n *yaml.Node) *acl.Match {
	match := &acl.Match{}
	r.mapping(n, "match", func(key string, value *yaml.Node) bool {
		switch key {
		case "account":
			match.Account = r.pattern(value, key)
		case "type":
			match.Type = r.pattern(value, key)
		case "name":
			match.Name = r.pattern(value, key)
		case "service":
			match.Service = r.pattern(value, key)
		case "ip":
			match.IP = r.pattern(value, key)
		case "labels":
			match.Labels = make(map[string]string)
			r.entries(value, "match.labels", func(key, value *yaml.Node) {
				if pattern := r.pattern(value, "labels."+key.Value); pattern != nil {
					match.Labels[key.Value] = *pattern
				}
			})
		default:
			return false
		}
		return true
	})
	return match
}

// pattern reads a condition. One without a value would match everything for docker_auth, which nobody means who writes it.
func (r *reader) pattern(n *yaml.Node, key string) *string {
	if isNull(r.resolve(n)) {
		r.fail(n, `match.%s has no value; write "" for the empty text, or leave it out to match everything`, key)
		return nil
	}
	text := r.text(n, "match."+key)
	return &text
}

// compileRules makes lists of the rules.
func (l *loader) compileRules() {
	l.compile(&l.cfg.Rules)
	for _, name := range l.cfg.Token.serviceNames() {
		l.compile(l.cfg.Token.Services[name].Rules)
	}
}

func (l *loader) compile(rules *Rules) {
	if rules == nil || !rules.given {
		return
	}
	list, warnings, err := acl.Compile(rules.rules)
	rules.rules = nil
	for _, e := range ruleErrors(err) {
		l.problem(rules.Position(e.Number), fmt.Errorf("rule %d: %s: %w", e.Number, e.Key, e.Err))
	}
	if err != nil && len(l.problems) == 0 {
		l.problem(Position{l.cfg.File, 1}, err)
	}
	for _, w := range warnings {
		l.warning(rules.Position(w.Number), w.String())
	}
	rules.List = list
}

// ruleErrors are the single errors of a joined one.
func ruleErrors(err error) []*acl.RuleError {
	var list []*acl.RuleError
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		for _, each := range joined.Unwrap() {
			list = append(list, ruleErrors(each)...)
		}
		return list
	}
	if one := new(acl.RuleError); errors.As(err, &one) {
		list = append(list, one)
	}
	return slices.Clip(list)
}
