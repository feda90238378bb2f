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
		list:    &List{tables: tables{entries: make([]entry, len(rules))}},
		actions: make(map[string]uint32),
		labels:  make(map[string]uint32),
		cache:   &programs{},
	}
	c.list.patterns.matchers = []matcher{literalProgram: nil, globProgram: staticGlob{}}
	for i := range rules {
		c.compile(i+1, &rules[i])
	}
	if len(c.errors) > 0 {
		return nil, nil, errors.Join(c.errors...)
	}
	l := c.finish()
	all := append(c.missingGroups(), warnings(l)...)
	slices.SortStableFunc(all, func(a, b Warning) int { return a.Number - b.Number })
	return l, all, nil
}

// A compiler makes a list, and has what decisions do not need of it.
type compiler struct {
	list     *List
	patterns textBuilder
	about    []about // of each pattern
	comments textBuilder
	actions  map[string]uint32 // positions in the list, as the others
	labels   map[string]uint32
	cache    *programs
	errors   []error
}

func (c *compiler) fail(number int, key string, err error) {
	c.errors = append(c.errors, &RuleError{Number: number, Key: key, Err: err})
}

func (c *compiler) compile(number int, from *Rule) {
	to := &c.list.entries[number-1]
	to.requireAccount = from.RequireAccount
	var err error
	if to.comment, err = c.comments.add(from.Comment); err != nil {
		c.fail(number, "comment", err)
	}
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

// actionsOf returns the position of the set of names.
func (c *compiler) actionsOf(names []string) uint32 {
	quoted := fmt.Sprintf("%q", names)
	i, found := c.actions[quoted]
	if !found {
		i = position(c.list.actions)
		c.actions[quoted] = i
		c.list.actions = append(c.list.actions, actions{names: slices.Clone(names), whatever: len(names) == 1 && names[0] == scope.ActionAll})
	}
	return i
}

// position is that of the next item.
func position[T any](items []T) uint32 {
	return uint32(len(items)) //nolint:gosec // a bounded number of rules, or of bytes in their texts
}

func (c *compiler) compileMatch(number int, to *entry, from *Match) {
	texts := [fieldCount]*string{fieldAccount: from.Account, fieldType: from.Type, fieldService: from.Service, fieldName: from.Name}
	for f, text := range texts {
		if text != nil {
			to.fields[f] = c.pattern(number, "match."+field(f).String(), *text)
		}
	}
	to.labels = position(c.list.conditions)
	for _, label := range slices.Sorted(maps.Keys(from.Labels)) {
		p := c.pattern(number, "match.labels."+label, from.Labels[label])
		c.list.conditions = append(c.list.conditions, labelCondition{c.label(label), p})
	}
	to.end = position(c.list.conditions)
	if from.IP != nil {
		addresses, err := parseAddresses(*from.IP)
		if err != nil {
			c.fail(number, "match.ip", err)
		}
		c.list.addresses = append(c.list.addresses, addresses)
		to.addresses = position(c.list.addresses)
	}
}

func (c *compiler) label(name string) uint32 {
	i, found := c.labels[name]
	if !found {
		i = position(c.list.labels)
		c.labels[name] = i
		c.list.labels = append(c.list.labels, name)
	}
	return i
}

// pattern returns the number of the compiled pattern, or 0 when it is wrong.
func (c *compiler) pattern(number int, key, text string) patternNumber {
	if i, found := c.patterns.numbers[text]; found {
		return patternNumber(i + 1)
	}
	p, of, err := parsePattern(text, c.cache)
	var i uint32
	if err == nil {
		i, err = c.patterns.add(text)
	}
	if err != nil {
		c.fail(number, key, err)
		return 0
	}
	c.about = append(c.about, of)
	c.list.patterns.programs = append(c.list.patterns.programs, c.program(p.program))
	return patternNumber(i + 1)
}

// The matchers that all lists have. Others are one pattern's.
const (
	literalProgram = iota
	globProgram
)

// program returns the position of a matcher.
func (c *compiler) program(m matcher) uint32 {
	into := &c.list.patterns
	switch m.(type) {
	case nil:
		return literalProgram
	case staticGlob:
		return globProgram
	}
	into.matchers = append(into.matchers, m)
	return position(into.matchers[1:])
}

// start returns what everything that the pattern matches begins with.
func (c *compiler) start(number patternNumber) start {
	return startOf(c.list.patterns.at(number), c.about[number-1])
}

func startOf(p pattern, of about) start {
	if p.literal() {
		return start{text: p.text, whole: true}
	}
	return of.start
}

// finish returns the list, with nothing of its tables kept in reserve.
func (c *compiler) finish() *List {
	l := c.list
	l.patterns.texts, l.comments = c.patterns.texts(), c.comments.texts()
	l.patterns.programs, l.patterns.matchers = slices.Clip(l.patterns.programs), slices.Clip(l.patterns.matchers)
	l.conditions, l.addresses = slices.Clone(l.conditions), slices.Clone(l.addresses)
	l.index = c.buildIndex()
	return l
}

// missingGroups warns of rules in which a template names a capture group that is not there, and so stands for nothing;
// docker_auth accepts such rules, too.
func (c *compiler) missingGroups() []Warning {
	var found []Warning
	for i := range c.list.entries {
		r := c.list.rule(numberOf(i))
		if reason := c.lacksGroup(r); reason != "" {
			found = append(found, Warning{Number: i + 1, Text: "can never match: " + reason})
		}
	}
	return found
}

// lacksGroup says why the rule has no capture group for a template of its own. The reason is empty when there is one, or no
// template names a group.
func (c *compiler) lacksGroup(r rule) string {
	for _, number := range r.fields {
		if reason := c.lacksGroupFor(number, r); reason != "" {
			return reason
		}
	}
	for _, condition := range c.list.conditions[r.labels:r.end] {
		if reason := c.lacksGroupFor(condition.pattern, r); reason != "" {
			return reason
		}
	}
	return ""
}

func (c *compiler) lacksGroupFor(number patternNumber, r rule) string {
	if number == 0 {
		return ""
	}
	for _, v := range c.about[number-1].variables {
		if reason := r.lacksGroup(v); reason != "" {
			return reason
		}
	}
	return ""
}

func (r rule) lacksGroup(v variable) string {
	if v.group == wholeValue {
		return ""
	}
	p, conditional := r.pattern(v.field)
	if !conditional {
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
