package acl

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"

	"github.com/berthpass/registry-auth/internal/lru"
)

// Compile compiles a copy of rules into a [List]. Warnings are in the order of the rules. The error
// is the [errors.Join] of one *[RuleError] for each mistake; list and warnings are then nil.
func Compile(rules []Rule) (*List, []Warning, error) {
	c := compiler{
		patterns: make(map[string]*pattern),
		cache:    lru.New[string, *regexp.Regexp](maxPrograms),
	}
	l := &List{rules: make([]*rule, len(rules))}
	for i := range rules {
		l.rules[i] = c.compile(i+1, &rules[i])
	}
	if len(c.errors) > 0 {
		return nil, nil, errors.Join(c.errors...)
	}
	l.index = newIndex(l.rules)
	return l, warnings(l), nil
}

type compiler struct {
	patterns map[string]*pattern // by their text
	cache    *programs
	errors   []error
}

func (c *compiler) fail(r *rule, key string, err error) {
	c.errors = append(c.errors, &RuleError{Number: r.number, Key: key, Err: err})
}

func (c *compiler) compile(number int, from *Rule) *rule {
	r := &rule{number: number, actions: slices.Clone(from.Actions), comment: from.Comment}
	if from.Actions == nil {
		c.fail(r, "actions", errors.New(`missing; to refuse, write an empty list: "actions: []"`))
	}
	if from.Match == nil {
		c.fail(r, "match", errors.New(`missing; to match everything, write "match: {}"`))
		return r
	}
	m := from.Match
	for f, text := range [fieldCount]*string{
		fieldAccount: m.Account, fieldType: m.Type, fieldService: m.Service, fieldName: m.Name,
	} {
		if text != nil {
			c.addPattern(r, attribute{field: field(f)}, *text)
		}
	}
	for _, label := range slices.Sorted(maps.Keys(m.Labels)) {
		c.addPattern(r, attribute{fieldLabels, label}, m.Labels[label])
	}
	if m.IP != nil {
		prefix, err := parsePrefix(*m.IP)
		if err != nil {
			c.fail(r, "match.ip", err)
		}
		r.conditions = append(r.conditions, condition{attribute{field: fieldIP}, nil, prefix})
	}
	if from.RequireAccount {
		of := attribute{field: fieldRequireAccount}
		r.conditions = append(r.conditions, condition{attribute: of})
	}
	return r
}

func (c *compiler) addPattern(r *rule, of attribute, text string) {
	p := c.patterns[text]
	if p == nil {
		var err error
		if p, err = parsePattern(text, c.cache); err != nil {
			c.fail(r, of.key(), err)
			return
		}
		c.patterns[text] = p
	}
	r.conditions = append(r.conditions, condition{attribute: of, pattern: p})
}

// parsePrefix parses an address or a CIDR prefix. IPv4 addresses in IPv6 form become IPv4, like the
// addresses of requests.
func parsePrefix(s string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(s); err == nil && address.Zone() == "" {
		return netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not an address or a prefix", s)
	}
	const mapped = 96 // the bits before the IPv4 address
	if prefix.Addr().Is4In6() && prefix.Bits() >= mapped {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mapped)
	}
	return prefix.Masked(), nil
}
