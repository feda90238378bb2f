package acl

import (
	"hash/maphash"
	"math/bits"
)

// A coverage finds rules that can never match because an earlier one matches everything that they do. It sees two ways: the
// earlier rule has some of the later one's conditions and no others, or the earlier rule's conditions are all met by texts
// that the later one fixes. It does not compare patterns with patterns, and so does not find all such rules.
type coverage struct {
	list *List
	seed maphash.Seed
	// first has the first rule with a set of conditions, by the sum of their hashes. Hashes have 64 bits and a random seed: two
	// sets with one sum would cost a wrong warning.
	first map[uint64]ruleNumber
	// budget is how many rules may still be compared with texts, so that a long list of rules that cannot be looked up does
	// not load in quadratic time.
	budget int
}

const (
	// maxCompared bounds the comparisons for one list.
	maxCompared = 1 << 21
	// maxSubsets bounds the conditions of a rule whose subsets are all looked up.
	maxSubsets = 8
)

func newCoverage(l *List) *coverage {
	return &coverage{list: l, seed: maphash.MakeSeed(), first: make(map[uint64]ruleNumber, l.Len()), budget: maxCompared}
}

// find returns the number of an earlier rule that covers the rule of that number, or 0. It is called for each rule in order.
func (c *coverage) find(number ruleNumber) ruleNumber {
	r := c.list.rule(number)
	var buffer [maxSubsets]uint64
	hashes := c.hashes(r, buffer[:0])
	covering := c.subset(r, hashes)
	if own := sum(hashes, 1<<len(hashes)-1); len(hashes) < 64 && c.first[own] == 0 {
		c.first[own] = number
	}
	if covering == 0 {
		covering = c.compared(r, number)
	}
	return covering
}

// subset returns the lowest rule that has some of the conditions, and no others.
func (c *coverage) subset(r rule, hashes []uint64) ruleNumber {
	if r.excludesAnonymous() && !r.requireAccount {
		hashes = append(hashes, c.hash(condition{kind: "require_account"}))
	}
	if len(hashes) > maxSubsets {
		return 0
	}
	var lowest ruleNumber
	for set := range uint64(1) << len(hashes) {
		if number := c.first[sum(hashes, set)]; number != 0 && (lowest == 0 || number < lowest) {
			lowest = number
		}
	}
	return lowest
}

// sum adds the hashes that are in the set, a bit for each.
func sum(hashes []uint64, set uint64) uint64 {
	var total uint64
	for ; set != 0; set &= set - 1 {
		total += hashes[bits.TrailingZeros64(set)]
	}
	return total
}

// A condition is one condition of a rule, in a form that can be compared.
type condition struct{ kind, label, text string }

func (c *coverage) hash(of condition) uint64 { return maphash.Comparable(c.seed, of) }

func (c *coverage) hashes(r rule, hashes []uint64) []uint64 {
	for f := range fieldCount {
		if p, conditional := r.pattern(f); conditional {
			hashes = append(hashes, c.hash(condition{kind: f.String(), text: p.text}))
		}
	}
	for label, p := range r.labelPatterns() {
		hashes = append(hashes, c.hash(condition{kind: "labels", label: label, text: p.text}))
	}
	if prefix, conditional := r.prefix(); conditional {
		hashes = append(hashes, c.hash(condition{kind: "ip", text: prefix.String()}))
	}
	if r.requireAccount {
		hashes = append(hashes, c.hash(condition{kind: "require_account"}))
	}
	return hashes
}

// compared asks the earlier rules about a question that has only what the rule fixes: a rule that matches it looks at nothing
// else, and so matches whenever this one does.
func (c *coverage) compared(r rule, number ruleNumber) ruleNumber {
	q := question{anonymous: !r.excludesAnonymous()}
	for f := range fieldCount {
		if p, conditional := r.pattern(f); conditional && p.literal() {
			q.known[f], q.values[f] = true, p.text
		}
	}
	for label, p := range r.labelPatterns() {
		if p.literal() {
			if q.labels == nil {
				q.labels = make(map[string][]string)
			}
			q.labels[label] = []string{p.text}
		}
	}
	if prefix, conditional := r.prefix(); conditional && prefix.IsSingleIP() {
		q.addr = prefix.Addr()
	}
	var buffer [16]ruleNumber
	candidates := c.list.index.candidates(&q, buffer[:0])
	for ; c.budget > 0; c.budget-- {
		earlier := candidates.lowest()
		if earlier == 0 || earlier >= number {
			return 0
		}
		if c.list.rule(earlier).matches(&q) {
			return earlier
		}
		candidates.advance(earlier, c.list.index.next)
	}
	return 0
}
