package acl

import (
	"slices"
	"strings"
)

// An index finds the rules that can match a request. Of 100 000 rules it usually leaves one or two,
// so that a decision takes about as long as with ten rules; trying all rules takes 10 000 times as
// long. Each rule is filed under one key: of its keys, the one with the fewest rules.
type index struct {
	rules   map[key][]*rule // in ascending order
	lengths map[place][]int // of the prefixes at each place with rules
	rest    []*rule         // the rules without a key
}

// A key is a text, or the beginning of a text, that all requests which a rule matches have.
type key struct {
	place place
	text  string
	whole bool
}

// A place is the value of an attribute or, after it, the rest of a name that begins with the value.
type place struct {
	attribute attribute
	after     bool
}

func newIndex(rules []*rule) index {
	x := index{rules: make(map[key][]*rule), lengths: make(map[place][]int)}
	count := make(map[key]int)
	for _, r := range rules {
		for _, k := range r.keys() {
			count[k]++
		}
	}
	for _, r := range rules {
		keys := r.keys()
		if len(keys) == 0 {
			x.rest = append(x.rest, r)
			continue
		}
		rarest := slices.MinFunc(keys, func(a, b key) int { return count[a] - count[b] })
		x.rules[rarest] = append(x.rules[rarest], r)
		lengths := x.lengths[rarest.place]
		if n := len(rarest.text); !rarest.whole && !slices.Contains(lengths, n) {
			lengths = append(lengths, n)
		}
		x.lengths[rarest.place] = lengths
	}
	return x
}

func (r *rule) keys() []key {
	var keys []key
	for _, c := range r.conditions {
		if c.pattern == nil {
			continue
		}
		s := c.pattern.start
		switch {
		case s.lead == nil && (s.text != "" || s.whole):
			keys = append(keys, key{place{c.attribute, false}, s.text, s.whole})
		case s.lead != nil && s.lead.group == wholeValue && c.attribute.field == fieldName:
			keys = append(keys, key{place{s.lead.attribute, true}, s.text, s.whole})
		}
	}
	return keys
}

// candidates returns the rules that can match q.
func (x *index) candidates(q *request) candidates {
	c := append(make(candidates, 0, 8), x.rest)
	name := strings.Join(q.fields[fieldName], "")
	add := func(of attribute, values []string) {
		for _, value := range values {
			c = x.appendAt(c, place{of, false}, value)
			if rest, ok := strings.CutPrefix(name, value); ok && value != "" {
				c = x.appendAt(c, place{of, true}, rest)
			}
		}
	}
	for f := range fieldCount {
		add(attribute{field: f}, q.fields[f])
	}
	for label, values := range q.labels {
		add(attribute{fieldLabels, label}, values)
	}
	return c
}

func (x *index) appendAt(c candidates, at place, text string) candidates {
	lengths, used := x.lengths[at]
	if !used {
		return c
	}
	c = append(c, x.rules[key{at, text, true}])
	for _, length := range lengths {
		if length <= len(text) {
			c = append(c, x.rules[key{at, text[:length], false}])
		}
	}
	return c
}

// candidates are slices of rules in ascending order. A rule may be in several of them.
type candidates [][]*rule

// next removes the first rule from all slices and returns it, or nil if none is left.
func (c candidates) next() *rule {
	var first *rule
	for _, rules := range c {
		if len(rules) > 0 && (first == nil || rules[0].number < first.number) {
			first = rules[0]
		}
	}
	for i, rules := range c {
		if len(rules) > 0 && rules[0] == first {
			c[i] = rules[1:]
		}
	}
	return first
}
