package acl

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/scope"
)

// Compile checks rules and makes a [List] of them. The error joins a *[RuleError] for everything that is wrong, not only for
// the first mistake; the list is nil then. Warnings, in the order of the rules, are about rules that are well-formed and odd.
func Compile(rules []Rule) (*List, []Warning, error) {
	if len(rules) > maxRules {
		return nil, nil, fmt.Errorf("acl: %d rules are too many", len(rules))
	}
	c := compiler{
		rules:    make([]rule, len(rules)),
		patterns: make(map[string]*pattern, len(rules)),
		about:    make(map[*pattern]about),
		actions:  make(map[string]*actions),
		cache:    &programs{},
	}
	for i := range rules {
		c.compile(i+1, &rules[i])
	}
	if len(c.errors) > 0 {
		return nil, nil, errors.Join(c.errors...)
	}
	l := &List{rules: c.rules, index: c.buildIndex()}
	all := append(c.warnings, warnings(l)...)
	slices.SortStableFunc(all, func(a, b Warning) int { return a.Number - b.Number })
	return l, all, nil
}

// A compiler has what the rules of a list share.
type compiler struct {
	rules    []rule
	patterns map[string]*pattern
	about    map[*pattern]about // of those that are more than a literal
	actions  map[string]*actions
	cache    *programs
	errors   []error
	warnings []Warning
}

func (c *compiler) fail(number int, key string, err error) {
	c.errors = append(c.errors, &RuleError{Number: number, Key: key, Err: err})
}

func (c *compiler) compile(number int, from *Rule) {
	to := &c.rules[number-1]
	to.comment, to.requireAccount = from.Comment, from.RequireAccount
	if from.Actions == nil {
		c.fail(number, "actions", errors.New(`missing; a rule that refuses has an empty list, "actions: []"`))
	} else {
		to.actions = c.actionsOf(from.Actions)
	}
	if from.Match == nil {
		c.fail(number, "match", errors.New(`missing; a rule for everything has an empty one, "match: {}"`))
		return
	}
	c.compileMatch(number, to, from.Match)
}

// actionsOf returns the set of names, shared by all rules that have the same.
func (c *compiler) actionsOf(names []string) *actions {
	quoted := fmt.Sprintf("%q", names)
	set := c.actions[quoted]
	if set == nil {
		set = &actions{names: slices.Clone(names), whatever: len(names) == 1 && names[0] == scope.ActionAll}
		c.actions[quoted] = set
	}
	return set
}

func (c *compiler) compileMatch(number int, to *rule, from *Match) {
	var variables []variable
	compile := func(key, text string) *pattern {
		p, err := c.pattern(text)
		if err != nil {
			c.fail(number, key, err)
			return nil
		}
		variables = append(variables, c.about[p].variables...)
		return p
	}
	texts := [fieldCount]*string{fieldAccount: from.Account, fieldType: from.Type, fieldService: from.Service, fieldName: from.Name}
	for f, text := range texts {
		if text != nil {
			to.fields[f] = compile("match."+field(f).String(), *text)
		}
	}
	for _, label := range slices.Sorted(maps.Keys(from.Labels)) {
		if p := compile("match.labels."+label, from.Labels[label]); p != nil {
			to.labels = append(to.labels, labelCondition{label, p})
		}
	}
	if from.IP != nil {
		addresses, err := parseAddresses(*from.IP)
		if err != nil {
			c.fail(number, "match.ip", err)
		}
		to.addresses = &addresses
	}
	for _, v := range variables {
		if reason := to.lacksGroup(v); reason != "" {
			c.warnings = append(c.warnings, Warning{Number: number, Text: "can never match: " + reason})
			return
		}
	}
}

// pattern returns the compiled pattern, shared by all rules that have the same.
func (c *compiler) pattern(text string) (*pattern, error) {
	if p, found := c.patterns[text]; found {
		return p, nil
	}
	p, about, err := parsePattern(text, c.cache)
	if err != nil {
		return nil, err
	}
	c.patterns[text] = p
	if !p.literal() {
		c.about[p] = about
	}
	return p, nil
}

// start returns what everything that p matches begins with.
func (c *compiler) start(p *pattern) start {
	if p.literal() {
		return start{text: p.text, whole: true}
	}
	return c.about[p].start
}

// lacksGroup says why the rule has no capture group for v, which then stands for nothing; docker_auth accepts such rules, too.
// The reason is empty when there is one, or v names none.
func (r *rule) lacksGroup(v variable) string {
	if v.group == wholeValue {
		return ""
	}
	p := r.fields[v.field]
	if p == nil {
		return fmt.Sprintf("%s: the rule has no expression for %s", v, v.field)
	}
	expression, ok := p.program.(staticRegex)
	if !ok {
		return fmt.Sprintf("%s: the rule's %s is not a regular expression without templates", v, v.field)
	}
	if groups := expression.NumSubexp(); v.group > groups {
		return fmt.Sprintf("%s: the expression for %s has %d capture groups", v, v.field, groups)
	}
	return ""
}

// parseAddresses reads an address or a CIDR prefix. IPv4 addresses that are written as IPv6 ones become IPv4, as those of
// requests do.
func parseAddresses(s string) (netip.Prefix, error) {
	const mapped = 96 // the bits before the IPv4 address in such an IPv6 address
	if !strings.Contains(s, "/") {
		address, err := netip.ParseAddr(s)
		if err != nil || address.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("not an address: %q", s)
		}
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("not an address prefix: %q", s)
	}
	if prefix.Addr().Is4In6() && prefix.Bits() >= mapped {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mapped)
	}
	return prefix.Masked(), nil
}
