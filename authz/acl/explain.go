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
	// Rule is the number of the rule that decided, or 0 if no rule matched or the name is malformed.
	Rule int
	// Near lists up to five rules before Rule that failed only one condition, in their order. If
	// there are more, it lists those with the most conditions.
	Near []NearMiss
	// More is the number of such rules that Near does not list.
	More int
}

// A NearMiss is a rule that failed only one condition.
type NearMiss struct {
	// Rule is the number of the rule and Comment its comment.
	Rule    int
	Comment string
	// Key is the key of the condition that failed, such as "match.name".
	Key string
	// Why compares the request with the condition. Long texts of the request are cut.
	Why string
}

// maxNear is the maximum number of near misses in an [Explanation].
const maxNear = 5

// Explain decides a request like Authorize and explains the decision. It tries every rule up to the
// one that decides, so it is too slow to run on each request.
func (l *List) Explain(r authz.Request) Explanation {
	q := newRequest(r)
	e := Explanation{Request: r}
	var decisive *rule
	e.Decision, decisive = l.decide(q, r.Scope)
	earlier := l.rules
	switch {
	case decisive != nil:
		e.Rule = decisive.number
		earlier = l.rules[:decisive.number-1]
	case !e.Decision.NoMatch:
		return e // the name is malformed
	}
	var near []*rule
	for _, rule := range earlier {
		if _, failed := rule.failed(q); failed == 1 && len(rule.conditions) > 1 {
			near = append(near, rule)
		}
	}
	slices.SortStableFunc(near, func(a, b *rule) int {
		return len(b.conditions) - len(a.conditions)
	})
	listed := near[:min(len(near), maxNear)]
	slices.SortFunc(listed, func(a, b *rule) int { return a.number - b.number })
	e.More = len(near) - len(listed)
	for _, rule := range listed {
		c, _ := rule.failed(q)
		e.Near = append(e.Near, NearMiss{
			Rule: rule.number, Comment: rule.comment, Key: c.key(), Why: c.why(rule, q),
		})
	}
	return e
}

// failed returns the last condition that does not hold, and the number of such conditions.
func (r *rule) failed(q *request) (last *condition, count int) {
	for i := range r.conditions {
		if c := &r.conditions[i]; !c.holds(r, q) {
			last = c
			count++
		}
	}
	return last, count
}

// key returns the key of the condition in a rule.
func (c *condition) key() string {
	switch {
	case c.pattern != nil:
		return c.attribute.key()
	case c.prefix.IsValid():
		return "match.ip"
	default:
		return "require_account"
	}
}

func (a attribute) key() string {
	if a.field == fieldLabels {
		return "match.labels." + a.label
	}
	return "match." + a.field.String()
}

// why explains why the condition does not hold.
func (c *condition) why(r *rule, q *request) string {
	switch {
	case c.pattern == nil && !c.prefix.IsValid():
		return "the subject is anonymous"
	case c.pattern == nil && !q.addr.IsValid():
		return fmt.Sprintf("the address is unknown, and must be in %s", c.prefix)
	case c.pattern == nil:
		return fmt.Sprintf("the address %s is not in %s", q.addr, c.prefix)
	}
	name := c.attribute.field.String()
	if c.attribute.field == fieldLabels {
		name = fmt.Sprintf("the label %q", c.attribute.label)
	}
	values := q.values(c.attribute)
	switch {
	case len(values) > 0:
		return name + " is " + quoteAll(values) + fmt.Sprintf(", not %q", c.pattern.text) +
			c.pattern.missing(bindings{rule: r, request: q})
	case c.attribute.field == fieldLabels:
		return "the subject does not have " + name
	default:
		return "a service account has no account"
	}
}

// missing names the templates of p that have no value.
func (p *pattern) missing(b bindings) string {
	text := ""
	for _, v := range p.variables {
		if !slices.ContainsFunc(b.values(v), func(s string) bool { return s != "" }) {
			text += fmt.Sprintf("; %s has no value", v)
		}
	}
	return text
}

// String returns the explanation as lines of text. Texts of the request are quoted and cut.
func (e Explanation) String() string {
	var b strings.Builder
	subject := "anonymous"
	if s := e.Request.Subject; !s.Anonymous() {
		subject = s.Kind.String() + " " + quote(s.Name)
	}
	fmt.Fprintf(&b, "%s requests %s\n", subject, quote(e.Request.Scope.String()))
	switch granted := e.Decision.Actions; {
	case e.Decision.NoMatch:
		b.WriteString("no rule matches, so nothing is granted\n")
	case len(granted) == 0:
		fmt.Fprintf(&b, "nothing is granted: %s\n", e.Decision.Reason)
	default:
		fmt.Fprintf(&b, "granted %s: %s\n", quote(strings.Join(granted, ",")), e.Decision.Reason)
	}
	for _, near := range e.Near {
		comment := ""
		if near.Comment != "" {
			comment = " (" + near.Comment + ")"
		}
		fmt.Fprintf(&b, "close: rule %d%s: %s\n", near.Rule, comment, near.Why)
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "%d more rules failed only one condition\n", e.More)
	}
	return b.String()
}

// quote quotes a text of a request, so that it is safe to print on a terminal.
func quote(s string) string {
	const longest = 100
	if len(s) > longest {
		return fmt.Sprintf("%+q…", s[:longest])
	}
	return fmt.Sprintf("%+q", s)
}

// quoteAll quotes the first values of a label.
func quoteAll(values []string) string {
	const most = 3
	var quoted []string
	for _, value := range values[:min(len(values), most)] {
		quoted = append(quoted, quote(value))
	}
	if len(values) > most {
		quoted = append(quoted, "…")
	}
	return strings.Join(quoted, ", ")
}
