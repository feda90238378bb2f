package acl

import (
	"context"
	"net/netip"
	"slices"
	"strconv"

	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

// A List is rules in their order, compiled. [Compile] makes one; the zero List has no rules. It never changes and is safe
// for concurrent use.
type List struct {
	rules []rule
	index index
}

var _ authz.BatchAuthorizer = (*List)(nil)

// malformedName is the reason of refusing a name that no registry has.
const malformedName = "the name is not well-formed"

// Len returns the number of rules.
func (l *List) Len() int { return len(l.rules) }

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
	r := &l.rules[number-1]
	return authz.Decision{Actions: r.grant(asked), Reason: r.describe(number)}
}

// first returns the number of the first rule that matches, or 0.
func (l *List) first(q *question) ruleNumber {
	var buffer [16]ruleNumber
	candidates := l.index.candidates(q, buffer[:0])
	for {
		number := candidates.lowest()
		if number == 0 || l.rules[number-1].matches(q) {
			return number
		}
		candidates.advance(number, l.index.next)
	}
}

// A rule is a compiled [Rule].
type rule struct {
	fields         [fieldCount]*pattern // nil for no condition
	labels         []labelCondition
	addresses      *netip.Prefix
	actions        *actions
	comment        string
	requireAccount bool
}

type labelCondition struct {
	label   string
	pattern *pattern
}

// actions is what a rule grants. Rules that grant the same share one.
type actions struct {
	names []string
	// whatever is true for the single action "*", which grants what is asked.
	whatever bool
}

func (r *rule) matches(q *question) bool {
	if r.requireAccount && q.anonymous || !r.matchesAddress(q) {
		return false
	}
	for f := range fieldCount {
		if !r.matchesField(f, q) {
			return false
		}
	}
	for i := range r.labels {
		if !r.matchesLabel(&r.labels[i], q) {
			return false
		}
	}
	return true
}

func (r *rule) matchesField(f field, q *question) bool {
	p := r.fields[f]
	return p == nil || q.known[f] && p.matches(q.values[f], r, q)
}

func (r *rule) matchesAddress(q *question) bool {
	return r.addresses == nil || r.addresses.Contains(q.addr)
}

func (r *rule) matchesLabel(c *labelCondition, q *question) bool {
	for _, value := range q.labels[c.label] {
		if c.pattern.matches(value, r, q) {
			return true
		}
	}
	return false
}

// grant returns those of the asked actions that the rule grants. zot asks for pull where others ask for registry:catalog:*,
// and so gets pull where the rule grants "*".
func (r *rule) grant(asked scope.Scope) []string {
	allowed := r.actions.names
	if r.actions.whatever {
		allowed = asked.Actions
	} else if isZotCatalog(asked) {
		allowed = nil
		if slices.Contains(r.actions.names, scope.ActionAll) {
			allowed = []string{scope.ActionPull, scope.ActionAll}
		}
	}
	return asked.Intersect(allowed).Actions
}

// describe is the reason of the rule's decisions.
func (r *rule) describe(number ruleNumber) string {
	name := "rule " + strconv.Itoa(int(number))
	if r.comment == "" {
		return name
	}
	return name + ": " + r.comment
}
