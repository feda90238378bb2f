package acl

import (
	"context"
	"iter"
	"net/netip"
	"slices"
	"strconv"

	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

// A List is rules in their order, compiled. [Compile] makes one; the zero List has no rules. It never changes and is safe
// for concurrent use.
type List struct {
	tables

	index index
}

var _ authz.BatchAuthorizer = (*List)(nil)

// malformedName is the reason of refusing a name that no registry has.
const malformedName = "the name is not well-formed"

// Len returns the number of rules.
func (l *List) Len() int { return len(l.entries) }

// Authorize lets the first rule that matches decide. When none does, the list has nothing to say. A name that no registry
// would accept is refused. There is never an error.
func (l *List) Authorize(_ context.Context, r authz.Request) (authz.Decision, error) {
	q := newQuestion(r)
	return l.decide(&q, r.Scope), nil
}

// AuthorizeBatch implements [authz.BatchAuthorizer].
func (l *List) AuthorizeBatch(_ context.Context, requests []authz.Request) ([]authz.Decision, error) {
	decisions := make([]authz.Decision, len(requests))
	for i, r := range requests {
		q := newQuestion(r)
		decisions[i] = l.decide(&q, r.Scope)
	}
	return decisions, nil
}

func (l *List) decide(q *question, asked scope.Scope) authz.Decision {
	if !isName(q.values[fieldName]) {
		return authz.Decision{Reason: malformedName}
	}
	number := l.first(q)
	if number == 0 {
		return authz.Decision{NoMatch: true}
	}
	decisive := l.rule(number)
	return authz.Decision{Actions: decisive.grant(asked), Reason: decisive.describe(number)}
}

// first returns the number of the first rule that matches, or 0.
func (l *List) first(q *question) ruleNumber {
	var buffer [16]ruleNumber
	candidates := l.index.candidates(q, buffer[:0])
	for {
		number := candidates.lowest()
		if number == 0 || l.rule(number).matches(q) {
			return number
		}
		candidates.advance(number, l.index.next)
	}
}

// A rule is a compiled [Rule], in the list that it is of.
type rule struct {
	*entry

	list *List
}

func (l *List) rule(number ruleNumber) rule { return rule{&l.entries[number-1], l} }

// pattern returns the condition on a field, if there is one.
func (r rule) pattern(f field) (p pattern, conditional bool) {
	number := r.fields[f]
	if number == 0 {
		return pattern{}, false
	}
	return r.list.patterns.at(number), true
}

// labelPatterns returns the labels that the rule has conditions on, in their order, and the patterns of their values.
func (r rule) labelPatterns() iter.Seq2[string, pattern] {
	return func(yield func(string, pattern) bool) {
		for _, c := range r.list.conditions[r.labels:r.end] {
			if !yield(r.list.labels[c.label], r.list.patterns.at(c.pattern)) {
				return
			}
		}
	}
}

// prefix returns the condition on the address, if there is one.
func (r rule) prefix() (p netip.Prefix, conditional bool) {
	if r.addresses == 0 {
		return netip.Prefix{}, false
	}
	return r.list.addresses[r.addresses-1], true
}

// granted returns the actions that the rule grants.
func (r rule) granted() *actions { return &r.list.actions[r.actions] }

// remark returns the rule's comment.
func (r rule) remark() string { return r.list.comments.at(r.comment) }

// actions is what rules grant.
type actions struct {
	names []string
	// whatever is true for the single action "*", which grants what is asked.
	whatever bool
}

func (r rule) matches(q *question) bool {
	if r.requireAccount && q.anonymous || !r.matchesAddress(q) {
		return false
	}
	for f := range fieldCount {
		if !r.matchesField(f, q) {
			return false
		}
	}
	for label, p := range r.labelPatterns() {
		if !r.matchesLabel(label, p, q) {
			return false
		}
	}
	return true
}

func (r rule) matchesField(f field, q *question) bool {
	p, conditional := r.pattern(f)
	return !conditional || q.known[f] && p.matches(q.values[f], r, q)
}

func (r rule) matchesAddress(q *question) bool {
	prefix, conditional := r.prefix()
	return !conditional || prefix.Contains(q.addr)
}

func (r rule) matchesLabel(label string, p pattern, q *question) bool {
	for _, value := range q.labels[label] {
		if p.matches(value, r, q) {
			return true
		}
	}
	return false
}

// grant returns those of the asked actions that the rule grants. zot asks for pull where others ask for registry:catalog:*,
// and so gets pull where the rule grants "*".
func (r rule) grant(asked scope.Scope) []string {
	of := r.granted()
	allowed := of.names
	if of.whatever {
		allowed = asked.Actions
	} else if isZotCatalog(asked) {
		allowed = nil
		if slices.Contains(of.names, scope.ActionAll) {
			allowed = []string{scope.ActionPull, scope.ActionAll}
		}
	}
	return asked.Intersect(allowed).Actions
}

// describe is the reason of the rule's decisions.
func (r rule) describe(number ruleNumber) string {
	name := "rule " + strconv.Itoa(int(number))
	if comment := r.remark(); comment != "" {
		return name + ": " + comment
	}
	return name
}
