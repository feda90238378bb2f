package acl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/scope"
)

// warnings returns what is odd about the rules of l.
func warnings(l *List) []Warning {
	var found []Warning
	warn := func(number int, format string, args ...any) {
		found = append(found, Warning{Number: number, Text: fmt.Sprintf(format, args...)})
	}
	cover := newCoverage(l)
	for i := range l.Len() {
		r, number := l.rule(numberOf(i)), i+1
		if r.everybodyPushes() {
			warn(number, "allows everybody to push: it has no condition on account, labels or ip, as when a match is misspelt or missing")
		}
		if p, conditional := r.pattern(fieldName); conditional && p.literal() && !isName(p.text) {
			warn(number, "can never match: no resource has the name %q", p.text)
		}
		for _, action := range r.granted().names {
			if !isAction(action) {
				warn(number, "the action %q is never asked for: actions are lower-case letters, or \"*\"", action)
			}
		}
		if !r.granted().whatever && slices.Contains(r.granted().names, scope.ActionAll) {
			warn(number, `"*" beside other actions grants only the action "*" itself; alone it grants what is asked`)
		}
		if earlier := cover.find(numberOf(i)); earlier != 0 {
			warn(number, "can never match: rule %d covers it", earlier)
		}
	}
	return found
}

func isAction(s string) bool {
	return s == scope.ActionAll || s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz") == ""
}

// everybodyPushes reports whether the rule lets the anonymous subject push, and so everybody. A template is a condition on the
// subject only if it is about the subject: ${name} holds for every name.
func (r rule) everybodyPushes() bool {
	names := r.granted().names
	pushes := slices.Contains(names, scope.ActionPush) || slices.Contains(names, scope.ActionAll)
	prefix, _ := r.prefix()
	if !pushes || r.requireAccount || prefix.Bits() > 0 || r.labels != r.end || r.excludesAnonymous() {
		return false
	}
	for f := range fieldCount {
		if p, conditional := r.pattern(f); conditional && p.isAboutSubject() {
			return false
		}
	}
	typ, conditional := r.pattern(fieldType)
	return !conditional || typ.isTemplate() || typ.matches(scope.TypeRepository, r, &question{})
}

// isAboutSubject reports whether the pattern has a template that stands for something of the subject's.
func (p pattern) isAboutSubject() bool {
	if !p.isTemplate() {
		return false
	}
	parts, err := splitTemplates(p.text)
	return err == nil && slices.ContainsFunc(parts, func(piece part) bool {
		return piece.variable != nil && (piece.variable.field == fieldAccount || piece.variable.field == fieldLabels)
	})
}

// excludesAnonymous reports whether it is sure that the rule does not match the anonymous subject.
func (r rule) excludesAnonymous() bool {
	account, conditional := r.pattern(fieldAccount)
	return r.requireAccount || conditional && !account.isTemplate() && !account.matches("", r, &question{})
}

func (p pattern) isTemplate() bool {
	switch p.program.(type) {
	case *globTemplate, *regexTemplate:
		return true
	default:
		return false
	}
}
