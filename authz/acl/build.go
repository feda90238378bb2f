package acl

import (
	"hash/maphash"
	"slices"
)

// A key is what a chain of rules has in common.
type key struct {
	in       place
	variable variable // of inValues and inLabels
	text     string
	whole    bool
}

type place uint8

const (
	inAccounts place = iota
	inNames
	inServices
	inValues
	inLabels
)

// buildIndex puts each rule into the chain of that of its keys which the fewest rules have. Chains are built from their ends.
func (c *compiler) buildIndex() index {
	// Keys are counted by their hashes, which are smaller; a collision makes a chain longer.
	x := index{seed: maphash.MakeSeed(), next: make([]ruleNumber, len(c.list.entries))}
	shared := make(map[uint64]int, len(x.next))
	var keys []key
	for i := range x.next {
		keys = c.keys(c.list.rule(numberOf(i)), keys[:0])
		for _, k := range keys {
			shared[maphash.Comparable(x.seed, k)]++
		}
	}
	for i := range slices.Backward(x.next) {
		number := numberOf(i)
		keys = c.keys(c.list.rule(number), keys[:0])
		if len(keys) == 0 {
			x.next[i], x.rest = x.rest, number
			continue
		}
		rarest, least := keys[0], len(x.next)+1
		for _, k := range keys {
			if n := shared[maphash.Comparable(x.seed, k)]; n < least {
				rarest, least = k, n
			}
		}
		x.next[i] = x.insert(rarest, number)
	}
	return x
}

// keys appends the keys that every question which the rule matches has.
func (c *compiler) keys(r rule, keys []key) []key {
	if p := r.fields[fieldName]; p != 0 {
		begin := c.start(p)
		if begin.has && begin.variable.canLead() {
			keys = append(keys, key{in: inValues, variable: begin.variable, text: cut(begin), whole: begin.whole})
		}
		keys = appendKey(keys, inNames, begin)
	}
	if p := r.fields[fieldAccount]; p != 0 {
		keys = appendKey(keys, inAccounts, c.start(p))
	}
	if p := r.fields[fieldService]; p != 0 {
		keys = appendKey(keys, inServices, c.start(p))
	}
	for label, p := range r.labelPatterns() {
		if p.literal() {
			keys = append(keys, key{in: inLabels, variable: variable{field: fieldLabels, label: label}, text: p.text, whole: true})
		}
	}
	return keys
}

// canLead reports whether names are looked up by the value of v, which has to be the same for all rules.
func (v variable) canLead() bool {
	return v.group == wholeValue && (v.field == fieldAccount || v.field == fieldService || v.field == fieldLabels)
}

// appendKey appends the key of a text that begins with begin, which says nothing when it is empty or a variable's.
func appendKey(keys []key, in place, begin start) []key {
	if begin.has || begin.text == "" && !begin.whole {
		return keys
	}
	return append(keys, key{in: in, text: cut(begin), whole: begin.whole})
}

// cut returns the start's text, of which a prefix needs no more than the longest name has.
func cut(begin start) string {
	if !begin.whole && len(begin.text) > maxPosition {
		return begin.text[:maxPosition]
	}
	return begin.text
}

// insert puts a rule at the head of the chain of k and returns the rule that was there.
func (x *index) insert(k key, number ruleNumber) ruleNumber {
	switch k.in {
	case inAccounts:
		return x.accounts.insert(x, k, number)
	case inNames:
		return x.names.insert(x, k, number)
	case inServices:
		return x.services.insert(x, k, number)
	case inValues:
		return x.valueStarts(k.variable).insert(x, k, number)
	default:
		return x.labelValues(k.variable.label).insert(x.hash(k.text), number)
	}
}

func (t *starts) insert(x *index, k key, number ruleNumber) ruleNumber {
	if t.whole == nil {
		t.whole, t.prefix = make(chains), make(chains)
	}
	of := t.prefix
	switch n := len(k.text); {
	case k.whole:
		of = t.whole
	case n > 0 && k.text[n-1] == '/':
		t.paths.add(n)
	default:
		t.others.add(n)
	}
	return of.insert(x.hash(k.text), number)
}

func (c chains) insert(hash uint32, number ruleNumber) ruleNumber {
	head := c[hash]
	c[hash] = number
	return head
}

func (x *index) valueStarts(v variable) *starts {
	i := slices.IndexFunc(x.values, func(s valueStarts) bool { return s.variable == v })
	if i < 0 {
		i = len(x.values)
		x.values = append(x.values, valueStarts{variable: v})
	}
	return &x.values[i].rest
}

func (x *index) labelValues(label string) chains {
	i := slices.IndexFunc(x.labels, func(l labelValues) bool { return l.label == label })
	if i < 0 {
		i = len(x.labels)
		x.labels = append(x.labels, labelValues{label: label, values: make(chains)})
	}
	return x.labels[i].values
}
