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
		if reason := r.missingGroup(); reason != "" {
			warn("can never match: %s", reason)
		}
		if r.everybodyPushes() {
			warn("allows everybody to push: it has no condition on account, labels or ip")
		}
		if name := r.pattern(attribute{field: fieldName}); name != nil {
			if text, ok := name.literal(); ok && !isName(text) {
				warn("can never match: %q is not a valid name", text)
			}
		}
		for _, action := range r.actions {
			if !isAction(action) {
				warn(`no client requests the action %q: actions are lower-case letters or "*"`, action)
			}
		}
		if !r.grantsAll() && slices.Contains(r.actions, scope.ActionAll) {
			warn(`"*" next to other actions grants only "*" itself; alone it grants every action`)
		}
		if earlier := l.coveredBy(r, &budget); earlier != nil {
			warn("can never match: rule %d covers it", earlier.number)
		}
	}
	return found
}

func isAction(s string) bool {
	return s == scope.ActionAll ||
		s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz") == ""
}

// missingGroup explains that a template names a capture group that the rule does not have. It returns
// "" if all groups exist. docker_auth accepts such rules.
func (r *rule) missingGroup() string {
	for _, c := range r.conditions {
		if c.pattern == nil {
			continue
		}
		for _, v := range c.pattern.variables {
			if v.group == wholeValue {
				continue
			}
			p := r.pattern(v.attribute)
			if p == nil {
				return fmt.Sprintf("%s: the rule has no expression for %s", v, v.attribute.field)
			}
			e, ok := p.matcher.(expression)
			if !ok {
				return fmt.Sprintf("%s: the pattern for %s is not an expression without templates",
					v, v.attribute.field)
			}
			if n := e.NumSubexp(); v.group > n {
				return fmt.Sprintf("%s: the expression for %s has %d capture groups",
					v, v.attribute.field, n)
			}
		}
	}
	return ""
}

// everybodyPushes reports whether the rule lets every subject push, including the anonymous one.
func (r *rule) everybodyPushes() bool {
	if r.excludesAnonymous() ||
		!slices.Contains(r.actions, scope.ActionPush) && !slices.Contains(r.actions, scope.ActionAll) {
		return false
	}
	for _, c := range r.conditions {
		if c.attribute.field == fieldLabels || c.prefix.Bits() > 0 ||
			c.pattern != nil && c.pattern.dependsOnSubject() {
			return false
		}
	}
	p := r.pattern(attribute{field: fieldType})
	return p == nil || len(p.variables) > 0 || p.match(scope.TypeRepository, bindings{})
}

// excludesAnonymous reports whether the rule certainly does not match the anonymous subject.
func (r *rule) excludesAnonymous() bool {
	account := r.pattern(attribute{field: fieldAccount})
	return slices.Contains(r.conditions, condition{}) ||
		account != nil && len(account.variables) == 0 && !account.match("", bindings{})
}

// maxComparisons limits the search for covered rules in one list. Without it, a long list of rules
// that the index cannot tell apart would load in quadratic time.
const maxComparisons = 1 << 21

// coveredBy returns an earlier rule that matches whenever r does, or nil if it finds none. It does
// not compare one pattern with another.
func (l *List) coveredBy(r *rule, budget *int) *rule {
	q := r.fixedValues()
	candidates := l.index.candidates(q)
	for _, k := range l.index.keys(r) {
		candidates = append(candidates, k.rules())
	}
	for ; *budget > 0; *budget-- {
		earlier := candidates.next()
		if earlier == nil || earlier.number >= r.number {
			return nil
		}
		if earlier.missingGroup() == "" && earlier.covers(r, q) {
			return earlier
		}
	}
	return nil
}

// covers reports whether each condition of r either is a condition of later too, or holds for q, the
// values that later fixes.
func (r *rule) covers(later *rule, q *request) bool {
	for i := range r.conditions {
		c := &r.conditions[i]
		if !slices.Contains(later.conditions, *c) && !c.holds(r, q) {
			return false
		}
	}
	return true
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
		text, ok := c.pattern.literal()
		switch {
		case !ok:
		case c.attribute.field == fieldLabels:
			q.labels[c.attribute.label] = []string{text}
		default:
			q.fields[c.attribute.field] = []string{text}
		}
	}
	return q
}
