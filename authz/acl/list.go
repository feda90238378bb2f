package acl

import (
	"context"
	"net/netip"
	"regexp"
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

var _ authz.Authorizer = (*List)(nil)

// Len returns the number of rules.
func (l *List) Len() int { return len(l.rules) }

// Authorize returns the decision of the first rule that matches, or NoMatch, after which another
// authorizer may grant. Even an empty list refuses malformed names. The error is always nil.
func (l *List) Authorize(_ context.Context, r authz.Request) (authz.Decision, error) {
	decision, _ := l.decide(newRequest(r), r.Scope)
	return decision, nil
}

// decide also returns the rule that decided, or nil.
func (l *List) decide(q *request, asked scope.Scope) (authz.Decision, *rule) {
	if !isName(q.fields[fieldName][0]) {
		return authz.Decision{Reason: "the name is malformed"}, nil
	}
	candidates := l.index.candidates(q)
	for r := candidates.next(); r != nil; r = candidates.next() {
		if r.matches(q) {
			return authz.Decision{Actions: r.grant(asked), Reason: describe(r.number, r.comment)}, r
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

// A condition is one condition of a rule. Equal conditions mean the same.
type condition struct {
	attribute attribute
	pattern   *pattern     // nil for fieldIP and fieldRequireAccount
	prefix    netip.Prefix // of fieldIP
}

func (r *rule) matches(q *request) bool {
	return !slices.ContainsFunc(r.conditions, func(c condition) bool { return !c.holds(r, q) })
}

func (c condition) holds(r *rule, q *request) bool {
	switch c.attribute.field {
	case fieldRequireAccount:
		return !q.anonymous
	case fieldIP:
		return c.prefix.Contains(q.addr)
	default:
		return slices.ContainsFunc(q.values(c.attribute), func(value string) bool {
			return c.pattern.match(value, bindings{rule: r, request: q})
		})
	}
}

// pattern returns the rule's pattern for an attribute, or nil.
func (r *rule) pattern(of attribute) *pattern {
	for _, c := range r.conditions {
		if c.attribute == of {
			return c.pattern
		}
	}
	return nil
}

// expression returns the rule's expression for an attribute, or nil. It has no variables.
func (r *rule) expression(of attribute) *regexp.Regexp {
	if p := r.pattern(of); p != nil {
		e, _ := p.matcher.(expression)
		return e.Regexp
	}
	return nil
}

// grantsAll reports whether the rule grants every action that is requested.
func (r *rule) grantsAll() bool { return len(r.actions) == 1 && r.actions[0] == scope.ActionAll }

// grant returns the requested actions that the rule grants. zot requests pull for the catalog
// instead of "*". So a rule that grants "*" grants zot's pull.
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

// describe returns the reason of a rule's decisions.
func describe(number int, comment string) string {
	if comment != "" {
		comment = ": " + comment
	}
	return "rule " + strconv.Itoa(number) + comment
}
