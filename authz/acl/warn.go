package acl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/scope"
)

func warnings(l *List) []Warning {
	var found []Warning
	budget := maxComparisons
	for _, r := range l.rules {
		warn := func(format string, args ...any) {
			found = append(found, Warning{Number: r.number, Text: fmt.Sprintf(format, args...)})
		}
		if v := r.missingGroup(); v != nil {
			warn("%s matches nothing: the rule's %s has no such group", v, v.attribute.field)
		}
		if r.everybodyPushes() {
			warn("allows everybody to push: it has no condition on account, labels or ip")
		}
		fixed := r.fixedValues()
		if name := fixed.fields[fieldName]; len(name) > 0 && !isName(name[0]) {
			warn("can never match: %q is not a valid name", name[0])
		}
		for _, action := range r.actions {
			if !isAction(action) {
				warn(`no client requests the action %q: use lower-case letters or "*"`, action)
			}
		}
		if !r.grantsAll() && slices.Contains(r.actions, scope.ActionAll) {
			warn(`next to other actions, "*" grants only a requested "*", which means every action`)
		}
		if earlier := l.coveredBy(r, fixed, &budget); earlier != nil {
			warn("can never match: rule %d covers it", earlier.number)
		}
	}
	return found
}

func isAction(s string) bool {
	return s == scope.ActionAll || s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// missingGroup returns a variable of the rule that names a capture group which the rule does not
// have, or nil. docker_auth accepts such rules.
func (r *rule) missingGroup() *variable {
	for _, c := range r.conditions {
		if c.pattern == nil {
			continue
		}
		for _, v := range c.pattern.variables {
			e := r.expression(v.attribute)
			if v.group != wholeValue && (e == nil || v.group > e.NumSubexp()) {
				return &v
			}
		}
	}
	return nil
}

// everybodyPushes reports whether the rule lets every subject push, including the anonymous one.
func (r *rule) everybodyPushes() bool {
	pushes := func(action string) bool {
		return action == scope.ActionPush || action == scope.ActionAll
	}
	if r.excludesAnonymous() || !slices.ContainsFunc(r.actions, pushes) {
		return false
	}
	aboutSubject := func(v variable) bool {
		return v.attribute.field == fieldAccount || v.attribute.field == fieldLabels
	}
	for _, c := range r.conditions {
		if c.attribute.field == fieldLabels || c.prefix.Bits() > 0 ||
			c.pattern != nil && slices.ContainsFunc(c.pattern.variables, aboutSubject) {
			return false
		}
	}
	p := r.pattern(attribute{field: fieldType})
	return p == nil || len(p.variables) > 0 || p.match(scope.TypeRepository, bindings{})
}

// excludesAnonymous reports whether the rule certainly does not match the anonymous subject.
func (r *rule) excludesAnonymous() bool {
	return slices.ContainsFunc(r.conditions, func(c condition) bool {
		return c.attribute.field == fieldRequireAccount || c.attribute.field == fieldAccount &&
			len(c.pattern.variables) == 0 && !c.pattern.match("", bindings{})
	})
}

// maxComparisons limits the search for covered rules in one list. Without it, a long list of rules
// that the index cannot tell apart would load in quadratic time.
const maxComparisons = 1 << 21

// coveredBy returns an earlier rule that matches whenever r does, or nil if it finds none. q has
// r's fixed values. It does not compare one pattern with another.
func (l *List) coveredBy(r *rule, q *request, budget *int) *rule {
	candidates := l.index.candidates(q)
	for _, k := range r.keys() {
		candidates = append(candidates, l.index.rules[k])
	}
	for ; *budget > 0; *budget-- {
		earlier := candidates.next()
		if earlier == nil || earlier.number >= r.number {
			return nil
		}
		if earlier.missingGroup() == nil && earlier.covers(r, q) {
			return earlier
		}
	}
	return nil
}

// covers reports whether each condition of r is a condition of later or holds for q, the values
// that later requires.
func (r *rule) covers(later *rule, q *request) bool {
	return !slices.ContainsFunc(r.conditions, func(c condition) bool {
		return !slices.Contains(later.conditions, c) && !c.holds(r, q)
	})
}

// fixedValues returns a request with the values that r requires exactly, and no others.
func (r *rule) fixedValues() *request {
	q := &request{anonymous: !r.excludesAnonymous(), labels: make(map[string][]string)}
	for _, c := range r.conditions {
		if c.prefix.IsSingleIP() {
			q.addr = c.prefix.Addr()
		}
		if c.pattern == nil {
			continue
		}
		text, fixed := c.pattern.literal()
		if fixed && c.attribute.field == fieldLabels {
			q.labels[c.attribute.label] = []string{text}
		} else if fixed {
			q.fields[c.attribute.field] = []string{text}
		}
	}
	return q
}
