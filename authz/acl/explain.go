package acl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/authz"
)

// An Explanation says why a [List] decided as it did.
type Explanation struct {
	// Request is the request that was explained.
	Request authz.Request
	// Decision is the result of Authorize.
	Decision authz.Decision
	// Rule is the deciding rule, counted from 1, or 0 if none matched or the name is malformed.
	Rule int
	// Near lists, in order, up to five of the rules that were tried and failed only one of several
	// conditions. If there are more, it lists those with the most conditions.
	Near []NearMiss
	// More is the number of such rules that Near does not list.
	More int
}

// A NearMiss is a rule that failed only one of several conditions.
type NearMiss struct {
	// Rule is the number of the rule and Comment its comment.
	Rule    int
	Comment string
	// Key is the key of the failed condition, such as "match.labels.group".
	Key string
	// Why compares the request with the condition. Texts of the request are quoted and cut.
	Why string
}

// maxNear is the maximum number of near misses in an [Explanation].
const maxNear = 5

// Explain decides a request like Authorize and explains the decision. It tries every rule up to the
// one that decides, so it is too slow to run on each request.
func (l *List) Explain(r authz.Request) Explanation {
	q := newRequest(r)
	decision, decisive := l.decide(q, r.Scope)
	e := Explanation{Request: r, Decision: decision}
	earlier := l.rules
	if decisive != nil {
		e.Rule = decisive.number
		earlier = l.rules[:e.Rule-1]
	} else if !decision.NoMatch {
		return e // the name is malformed
	}
	var near []*rule
	for _, rule := range earlier {
		if _, failed := rule.failed(q); failed == 1 && len(rule.conditions) > 1 {
			near = append(near, rule)
		}
	}
	byConditions := func(a, b *rule) int { return len(b.conditions) - len(a.conditions) }
	slices.SortStableFunc(near, byConditions)
	listed := near[:min(len(near), maxNear)]
	slices.SortFunc(listed, func(a, b *rule) int { return a.number - b.number })
	e.More = len(near) - len(listed)
	for _, n := range listed {
		c, _ := n.failed(q)
		e.Near = append(e.Near, NearMiss{n.number, n.comment, c.attribute.key(), c.why(n, q)})
	}
	return e
}

// failed returns the last condition that does not hold, and the number of such conditions.
func (r *rule) failed(q *request) (last condition, count int) {
	for _, c := range r.conditions {
		if !c.holds(r, q) {
			last = c
			count++
		}
	}
	return last, count
}

// why explains why the condition does not hold.
func (c condition) why(r *rule, q *request) string {
	switch {
	case c.attribute.field == fieldRequireAccount:
		return "the subject is anonymous"
	case c.attribute.field == fieldIP && !q.addr.IsValid():
		return fmt.Sprintf("the address is unknown, and must be in %s", c.prefix)
	case c.attribute.field == fieldIP:
		return fmt.Sprintf("the address %s is not in %s", q.addr, c.prefix)
	}
	name := c.attribute.field.String()
	if c.attribute.field == fieldLabels {
		name = fmt.Sprintf("label %q", c.attribute.label)
	}
	values := q.values(c.attribute)
	if len(values) == 0 {
		return "the subject has no " + name
	}
	why := fmt.Sprintf("%s is %+.100q, not %q", name, strings.Join(values, ", "), c.pattern.text)
	b := bindings{rule: r, request: q}
	for _, v := range c.pattern.variables {
		if strings.Join(b.values(v), "") == "" {
			return why + fmt.Sprintf("; %s has no value", v)
		}
	}
	return why
}

// String returns the explanation as lines of text. Texts of the request are quoted and cut, so that
// a terminal can show them.
func (e Explanation) String() string {
	var b strings.Builder
	subject := "anonymous"
	if s := e.Request.Subject; !s.Anonymous() {
		subject = fmt.Sprintf("%s %+.100q", s.Kind, s.Name)
	}
	fmt.Fprintf(&b, "%s requests %+.100q\n", subject, e.Request.Scope)
	switch granted := e.Decision.Actions; {
	case e.Decision.NoMatch:
		b.WriteString("no rule matches, so nothing is granted\n")
	case len(granted) == 0:
		fmt.Fprintf(&b, "nothing is granted: %s\n", e.Decision.Reason)
	default:
		fmt.Fprintf(&b, "granted %+.100q: %s\n", strings.Join(granted, ","), e.Decision.Reason)
	}
	for _, near := range e.Near {
		fmt.Fprintf(&b, "close: %s; %s\n", describe(near.Rule, near.Comment), near.Why)
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "%d more rules failed only one condition\n", e.More)
	}
	return b.String()
}
