package acl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/authz"
)

// An Explanation says why a [List] decided as it did.
type Explanation struct {
	// Request is what was asked.
	Request authz.Request
	// Decision is the answer, the same as that of Authorize.
	Decision authz.Decision
	// Rule is the number of the rule that decided, or 0 when none matched or the name is malformed.
	Rule int
	// Near are rules before that one which matched but for one condition, in their order: those of which most conditions
	// held, at most [MaxNear].
	Near []NearMiss
	// More is how many such rules there are besides.
	More int
}

// A NearMiss is a rule that would have matched but for one condition.
type NearMiss struct {
	// Rule is the number of the rule and Comment its comment.
	Rule    int
	Comment string
	// Key is the key of the condition that did not hold, such as "match.name".
	Key string
	// Why says what was asked and what the rule wants. It quotes the request, and is cut where that is long.
	Why string

	held int
}

// MaxNear is the largest number of near misses in an [Explanation].
const MaxNear = 5

// Explain decides about a request as Authorize does, and says why. It looks at every rule up to the one that decides, so it is
// for people and not for each request.
func (l *List) Explain(r authz.Request) Explanation {
	q := newQuestion(r)
	e := Explanation{Request: r, Decision: l.decide(&q, r.Scope)}
	if !isName(q.values[fieldName]) {
		return e
	}
	e.Rule = int(l.first(&q))
	until := e.Rule - 1
	if e.Rule == 0 {
		until = l.Len()
	}
	for i := range until {
		r := l.rule(numberOf(i))
		if held, failed := r.tally(&q); held > 0 && failed == 1 {
			e.addNear(i+1, held)
		}
	}
	slices.SortFunc(e.Near, func(a, b NearMiss) int { return a.Rule - b.Rule })
	for i := range e.Near {
		near := &e.Near[i]
		r := l.rule(numberOf(near.Rule - 1))
		near.Comment = r.remark()
		near.Key, near.Why = r.whyNot(&q)
	}
	return e
}

// addNear keeps the rule when fewer than MaxNear are kept of which as many conditions held.
func (e *Explanation) addNear(number, held int) {
	near := NearMiss{Rule: number, held: held}
	if len(e.Near) < MaxNear {
		e.Near = append(e.Near, near)
		return
	}
	e.More++
	worst := 0
	for i := range e.Near {
		if e.Near[i].held <= e.Near[worst].held {
			worst = i
		}
	}
	if e.Near[worst].held < held {
		e.Near = append(slices.Delete(e.Near, worst, worst+1), near)
	}
}

// tally counts the conditions of the rule that hold and those that do not.
func (r rule) tally(q *question) (held, failed int) {
	count := func(holds bool) {
		if holds {
			held++
		} else {
			failed++
		}
	}
	for f := range fieldCount {
		if r.fields[f] != 0 {
			count(r.matchesField(f, q))
		}
	}
	for label, p := range r.labelPatterns() {
		count(r.matchesLabel(label, p, q))
	}
	if r.addresses != 0 {
		count(r.matchesAddress(q))
	}
	if r.requireAccount {
		count(!q.anonymous)
	}
	return held, failed
}

// whyNot returns the key of the first condition that does not hold, and why.
func (r rule) whyNot(q *question) (key, why string) {
	for f := range fieldCount {
		if r.matchesField(f, q) {
			continue
		}
		key = "match." + f.String()
		if !q.known[f] {
			return key, "a service account has no account"
		}
		p, _ := r.pattern(f)
		return key, fmt.Sprintf("%s is %s, not %q%s", f, quote(q.values[f]), p.text, r.missing(p, q))
	}
	for label, p := range r.labelPatterns() {
		if !r.matchesLabel(label, p, q) {
			return "match.labels." + label, r.whyNotLabel(label, p, q)
		}
	}
	prefix, _ := r.prefix()
	switch {
	case !r.matchesAddress(q) && !q.addr.IsValid():
		return "match.ip", fmt.Sprintf("the address is not known, and has to be in %s", prefix)
	case !r.matchesAddress(q):
		return "match.ip", fmt.Sprintf("the address %s is not in %s", q.addr, prefix)
	default:
		return "require_account", "the subject is anonymous"
	}
}

func (r rule) whyNotLabel(label string, p pattern, q *question) string {
	values := q.labels[label]
	if len(values) == 0 {
		return fmt.Sprintf("the subject has no label %q", label)
	}
	const most = 3
	var quoted []string
	for _, value := range values[:min(len(values), most)] {
		quoted = append(quoted, quote(value))
	}
	if len(values) > most {
		quoted = append(quoted, "…")
	}
	return fmt.Sprintf("the label %q is %s, not %q%s", label, strings.Join(quoted, ", "), p.text, r.missing(p, q))
}

// missing names the templates of p that stand for nothing.
func (r rule) missing(p pattern, q *question) string {
	if !p.isTemplate() {
		return ""
	}
	parts, err := splitTemplates(p.text)
	if err != nil {
		return ""
	}
	var b strings.Builder
	for _, piece := range parts {
		var buffer [1]string
		if piece.variable != nil && !slices.ContainsFunc(q.lookup(piece.variable, r, &buffer), func(s string) bool { return s != "" }) {
			fmt.Fprintf(&b, "; %s stands for nothing here", piece.variable)
		}
	}
	return b.String()
}

// String returns the explanation in lines for a person. What the client chose is quoted and cut.
func (e Explanation) String() string {
	var b strings.Builder
	who := "anonymous"
	if !e.Request.Subject.Anonymous() {
		who = e.Request.Subject.Kind.String() + " " + quote(e.Request.Subject.Name)
	}
	fmt.Fprintf(&b, "%s asks %s\n", who, quote(e.Request.Scope.String()))
	switch granted := e.Decision.Actions; {
	case e.Decision.NoMatch:
		b.WriteString("no rule matches, so nothing is granted\n")
	case len(granted) == 0:
		fmt.Fprintf(&b, "nothing is granted: %s\n", e.Decision.Reason)
	default:
		fmt.Fprintf(&b, "granted %s: %s\n", quote(strings.Join(granted, ",")), e.Decision.Reason)
	}
	for _, near := range e.Near {
		name := fmt.Sprintf("rule %d", near.Rule)
		if near.Comment != "" {
			name += " (" + near.Comment + ")"
		}
		fmt.Fprintf(&b, "close: %s: %s\n", name, near.Why)
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "and %d more rules but for one condition\n", e.More)
	}
	return b.String()
}

// quote makes text of a request fit for a terminal.
func quote(s string) string {
	const most = 100
	if len(s) > most {
		return fmt.Sprintf("%+q…", s[:most])
	}
	return fmt.Sprintf("%+q", s)
}
