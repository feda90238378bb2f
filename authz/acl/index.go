package acl

import (
	"hash/maphash"
	"math"
)

// A ruleNumber is the position of a rule in its list, from 1; 0 is no rule.
type ruleNumber uint32

// maxRules bounds a list.
const maxRules = math.MaxInt32

// numberOf returns the number of the rule at index i, which is less than maxRules.
func numberOf(i int) ruleNumber {
	return ruleNumber(i + 1) //nolint:gosec // Compile refuses longer lists
}

// An index finds the rules that can match a question without looking at the others. Each rule is in one chain, which has the
// rules that share a key in their order: a literal account, the start of a name, a label's value. A question looks up the
// chains of its own keys, and the rules on them are tried lowest number first.
type index struct {
	seed maphash.Seed
	// next has for each rule, at its number less one, the next rule of its chain.
	next []ruleNumber
	// rest is the chain of the rules that have no key.
	rest     ruleNumber
	accounts starts
	names    starts
	services starts
	// values has the names that begin with the value of a variable, by what follows it.
	values []valueStarts
	// labels has the values that labels must have.
	labels []labelValues
}

type valueStarts struct {
	variable variable
	rest     starts
}

type labelValues struct {
	label  string
	values chains
}

// chains is chains by the hash of what their rules share. Rules that share something else with the same hash are on the same
// chain, where they are tried and do not match. The texts themselves would be half of what a list needs.
type chains map[uint32]ruleNumber

//nolint:gosec // half of a hash is a hash
func (x *index) hash(s string) uint32 { return uint32(maphash.String(x.seed, s)) }

// starts is the chains by what a text begins with.
type starts struct {
	whole  chains // by the whole text
	prefix chains
	// paths and others are the lengths of the prefixes that end in a slash and of those that do not, so that only these are
	// tried: for a path, no more than it has components.
	paths, others positions
}

// candidates are chains, each at the rule that is to be tried next.
type candidates []ruleNumber

// lowest returns the lowest number at which a chain is, or 0.
func (c candidates) lowest() ruleNumber {
	var lowest ruleNumber
	for _, number := range c {
		if number != 0 && (lowest == 0 || number < lowest) {
			lowest = number
		}
	}
	return lowest
}

// advance moves the chains that are at a rule to the next one.
func (c candidates) advance(number ruleNumber, next []ruleNumber) {
	for i := range c {
		if c[i] == number {
			c[i] = next[number-1]
		}
	}
}

func (c candidates) with(number ruleNumber) candidates {
	if number == 0 {
		return c
	}
	return append(c, number)
}

// candidates appends to c the chains of the rules that can match q.
func (x *index) candidates(q *question, c candidates) candidates {
	c = c.with(x.rest)
	if q.known[fieldAccount] {
		c = x.accounts.candidates(x, q.values[fieldAccount], c)
	}
	if q.known[fieldService] {
		c = x.services.candidates(x, q.values[fieldService], c)
	}
	if q.known[fieldName] {
		c = x.nameCandidates(q, c)
	}
	for i := range x.labels {
		of := &x.labels[i]
		for _, value := range q.labels[of.label] {
			c = c.with(of.values[x.hash(value)])
		}
	}
	return c
}

func (x *index) nameCandidates(q *question, c candidates) candidates {
	name := q.values[fieldName]
	c = x.names.candidates(x, name, c)
	for i := range x.values {
		of := &x.values[i]
		var buffer [1]string
		for _, value := range q.lookup(&of.variable, rule{}, &buffer) {
			if value != "" && len(value) <= len(name) && name[:len(value)] == value {
				c = of.rest.candidates(x, name[len(value):], c)
			}
		}
	}
	return c
}

func (t *starts) candidates(x *index, s string, c candidates) candidates {
	if len(t.whole) > 0 {
		c = c.with(t.whole[x.hash(s)])
	}
	if len(t.prefix) == 0 {
		return c
	}
	for length := range t.others.all() {
		if length > len(s) {
			break
		}
		c = c.with(t.prefix[x.hash(s[:length])])
	}
	if t.paths.empty() {
		return c
	}
	for i := range min(len(s), maxPosition) {
		if s[i] == '/' && t.paths.has(i+1) {
			c = c.with(t.prefix[x.hash(s[:i+1])])
		}
	}
	return c
}
