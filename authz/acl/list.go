package acl

import (
	"context"
	"net/netip"
	"slices"
	"strconv"

	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

// A List is a compiled list of rules, made by [Compile]. The zero List has no rules. A List never
// changes and is safe for concurrent use.
type List struct {
	rules []*rule
	index index
}

var _ authz.BatchAuthorizer = (*List)(nil)

// Len returns the number of rules.
func (l *List) Len() int { return len(l.rules) }

// Authorize returns the decision of the first rule that matches. If no rule matches, the decision
// has NoMatch. A name that no registry accepts is refused. The error is always nil.
func (l *List) Authorize(_ context.Context, r authz.Request) (authz.Decision, error) {
	decision, _ := l.decide(newRequest(r), r.Scope)
	return decision, nil
}

// AuthorizeBatch implements [authz.BatchAuthorizer].
func (l *List) AuthorizeBatch(
	_ context.Context, requests []authz.Request,
) ([]authz.Decision, error) {
	decisions := make([]authz.Decision, len(requests))
	for i, r := range requests {
		decisions[i], _ = l.decide(newRequest(r), r.Scope)
	}
	return decisions, nil
}

// decide also returns the rule that decided, or nil.
func (l *List) decide(q *request, asked scope.Scope) (authz.Decision, *rule) {
	if !isName(q.fields[fieldName][0]) {
		return authz.Decision{Reason: "the name is malformed"}, nil
	}
	candidates := l.index.candidates(q)
	for r := candidates.next(); r != nil; r = candidates.next() {
		if r.matches(q) {
			return authz.Decision{Actions: r.grant(asked), Reason: r.describe()}, r
		}
	}
	return authz.Decision{NoMatch: true}, nil
}

// A rule is a compiled [Rule].
type rule struct {
	number     int // from 1
	conditions []condition
	actions    []string
	comment    string
}

// A condition has a pattern for an attribute or a prefix for the client's address. A condition with
// neither is require_account. Conditions are equal if they mean the same.
type condition struct {
	attribute attribute
	pattern   *pattern
	prefix    netip.Prefix
}

func (r *rule) matches(q *request) bool {
	for i := range r.conditions {
		if !r.conditions[i].holds(r, q) {
			return false
		}
	}
	return true
}

func (c *condition) holds(r *rule, q *request) bool {
	switch {
	case c.pattern != nil:
		for _, value := range q.values(c.attribute) {
			if c.pattern.match(value, bindings{rule: r, request: q}) {
				return true
			}
		}
		return false
	case c.prefix.IsValid():
		return c.prefix.Contains(q.addr)
	default:
		return !q.anonymous
	}
}

// pattern returns the rule's pattern for an attribute, or nil.
func (r *rule) pattern(of attribute) *pattern {
	for i := range r.conditions {
		if c := &r.conditions[i]; c.attribute == of && c.pattern != nil {
			return c.pattern
		}
	}
	return nil
}

// grantsAll reports whether the rule grants every action that is requested.
func (r *rule) grantsAll() bool { return len(r.actions) == 1 && r.actions[0] == scope.ActionAll }

// grant returns the requested actions that the rule grants. zot requests pull for the catalog, where
// other registries request "*". So a rule that grants "*" grants zot's pull.
func (r *rule) grant(asked scope.Scope) []string {
	allowed := r.actions
	if r.grantsAll() {
		allowed = asked.Actions
	} else if isZotCatalog(asked) {
		allowed = nil
		if slices.Contains(r.actions, scope.ActionAll) {
			allowed = []string{scope.ActionPull, scope.ActionAll}
		}
	}
	return asked.Intersect(allowed).Actions
}

// describe returns the reason of the rule's decisions.
func (r *rule) describe() string {
	name := "rule " + strconv.Itoa(r.number)
	if r.comment != "" {
		return name + ": " + r.comment
	}
	return name
}
