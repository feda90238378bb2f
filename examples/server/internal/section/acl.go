package section

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/authz/acl"
	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

// Rules are the sections acl, acl_file and acl_dir: one list, in the order of the file. Services
// can have lists of their own.
type Rules struct {
	conf.Place

	Common RuleList
	token  *Token
	tests  *Tests
}

// Keys implements [Section].
func (r *Rules) Keys() []string { return []string{"acl", "acl_file", "acl_dir"} }

// Read implements [Section].
func (r *Rules) Read(n *conf.Node) {
	if n.Key() == "acl" {
		r.Place = n.Place
	}
	r.Common.read(n, r.tests)
}

// Build implements [Section].
func (r *Rules) Build(*Site) (Part, error) {
	r.Common.compile(r.Place)
	given, count := r.Common.given, len(r.Common.Positions)
	for _, service := range r.token.Services {
		service.Rules.compile(r.Place)
		given, count = given || service.Rules.given, count+len(service.Rules.Positions)
	}
	part := Part{Count: Count{"rules", "Rules in force.", count}}
	if given {
		part.Authorizer, part.Explain = r, r.explain
	}
	return part, nil
}

// complete reports whether each service has rules.
func (r *Rules) complete() bool {
	complete := r.Common.given || len(r.token.Services) > 0
	for name := range r.token.Services {
		complete = complete && r.of(name).given
	}
	return complete
}

// of returns the rules of a service: its own or the common ones.
func (r *Rules) of(service string) *RuleList {
	if s := r.token.Services[service]; s != nil && s.Rules.given {
		return &s.Rules
	}
	return &r.Common
}

// Authorize implements [authz.Authorizer].
func (r *Rules) Authorize(ctx context.Context, q authz.Request) (authz.Decision, error) {
	if list := r.of(q.Service).List; list != nil {
		return list.Authorize(ctx, q)
	}
	return authz.Decision{NoMatch: true}, nil
}

// explain says which rule decides and which are close, with their positions.
func (r *Rules) explain(_ context.Context, q authz.Request) (text string, decided bool, err error) {
	of := r.of(q.Service)
	if of.List == nil {
		return fmt.Sprintf("there are no rules for the service %q\n", q.Service), false, nil
	}
	e := of.List.Explain(q)
	var b strings.Builder
	b.WriteString(e.String())
	if e.Rule != 0 {
		fmt.Fprintf(&b, "rule %d is at %s\n", e.Rule, of.position(e.Rule))
	}
	for _, near := range e.Near {
		fmt.Fprintf(&b, "rule %d is at %s\n", near.Rule, of.position(near.Rule))
	}
	return b.String(), !e.Decision.NoMatch, nil
}

// Unreached has a line for each rule that decides none of the requests.
func (r *Rules) Unreached(requests []authz.Request) []string {
	type rule struct {
		list   *RuleList
		number int
	}
	reached := make(map[rule]bool)
	for _, request := range requests {
		if of := r.of(request.Service); of.List != nil {
			reached[rule{of, of.List.Explain(request).Rule}] = true
		}
	}
	var lines []string
	add := func(l *RuleList, whose string) {
		for i, position := range l.Positions {
			if !reached[rule{l, i + 1}] {
				lines = append(lines, fmt.Sprintf("%s: no case reaches rule %d%s",
					position, i+1, whose))
			}
		}
	}
	add(&r.Common, "")
	for _, name := range r.token.ServiceNames() {
		add(&r.token.Services[name].Rules, fmt.Sprintf(" of the service %q", name))
	}
	return lines
}

// A RuleList is a list of rules with their positions.
type RuleList struct {
	List      *acl.List // nil if there are no rules, not even an empty list
	Positions []conf.Position

	rules []acl.Rule // until they are compiled
	given bool
}

func (l *RuleList) position(number int) conf.Position {
	if number < 1 || number > len(l.Positions) {
		return conf.Position{}
	}
	return l.Positions[number-1]
}

// compile makes the list. The place is for what is about no single rule.
func (l *RuleList) compile(at conf.Place) {
	if !l.given {
		return
	}
	list, warnings, err := acl.Compile(l.rules)
	l.rules, l.List = nil, list
	errs := ruleErrors(err)
	for _, e := range errs {
		at.On(l.position(e.Number)).Errorf("rule %d: %s: %w", e.Number, e.Key, e.Err)
	}
	if err != nil && len(errs) == 0 {
		at.Errorf("%w", err)
	}
	for _, w := range warnings {
		at.On(l.position(w.Number)).Warnf("%s", w.String())
	}
}

// ruleErrors are the single errors of a joined one.
func ruleErrors(err error) []*acl.RuleError {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		var list []*acl.RuleError
		for _, each := range joined.Unwrap() {
			list = append(list, ruleErrors(each)...)
		}
		return list
	}
	if one := new(acl.RuleError); errors.As(err, &one) {
		return []*acl.RuleError{one}
	}
	return nil
}
