package acl

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// wholeValue is the group of a variable that stands for the value itself.
const wholeValue = -1

// A variable of a pattern, such as ${account}, stands for values of the request.
type variable struct {
	text      string // between the braces
	attribute attribute
	group     int // the number of a capture group of the rule's own expression, or wholeValue
}

// String returns v as patterns have it.
func (v variable) String() string { return "${" + v.text + "}" }

// A part of a pattern is either text or a variable.
type part struct {
	text     string
	variable *variable // nil for text

	// Of variables in expressions:
	required  bool // the expression matches only with one of the values
	foldsCase bool // values match in any case
}

// splitVariables splits a pattern into text and variables.
func splitVariables(pattern string) ([]part, error) {
	var parts []part
	for pattern != "" {
		text, rest, found := strings.Cut(pattern, "${")
		if text != "" {
			parts = append(parts, part{text: text})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, errors.New("a variable has no closing brace")
		}
		v, err := parseVariable(name)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{variable: &v})
		pattern = after
	}
	return parts, nil
}

func parseVariable(s string) (variable, error) {
	name, detail, detailed := strings.Cut(s, ":")
	if name == "labels" && detail != "" {
		return variable{s, attribute{fieldLabels, detail}, wholeValue}, nil
	}
	for f := range fieldCount {
		if f.String() != name {
			continue
		}
		if !detailed {
			return variable{s, attribute{field: f}, wholeValue}, nil
		}
		group, err := strconv.Atoi(detail)
		if err != nil || group < 0 {
			return variable{}, fmt.Errorf("${%s}: a capture group is a number", s)
		}
		return variable{s, attribute{field: f}, group}, nil
	}
	return variable{}, fmt.Errorf("unknown variable ${%s}", s)
}

// join returns the pattern with text in place of each variable.
func join(parts []part, text string) string {
	var b strings.Builder
	for _, p := range parts {
		if p.variable != nil {
			b.WriteString(text)
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// repeatedLabel returns the label that is listed more than once, or nil. All its occurrences stand
// for the same value, so its values have to be tried one by one. Two such labels would have to be
// tried in all combinations, so they are refused.
func repeatedLabel(variables []variable) (*variable, error) {
	var repeated *variable
	for i, v := range variables {
		if v.attribute.field != fieldLabels || !slices.Contains(variables[:i], v) {
			continue
		}
		if repeated != nil && *repeated != v {
			return nil, fmt.Errorf("%s and %s both can occur more than once", repeated, v)
		}
		repeated = &v
	}
	return repeated, nil
}

// A repetition is a pattern in which a label can occur more than once.
type repetition struct {
	matcher

	label variable
}

func (m repetition) match(s string, b bindings) bool {
	// An expression may match without a value, so all values that do not occur are tried as one.
	values := append([]string{""}, b.request.values(m.label.attribute)...)
	folded := foldCase(s)
	for i, value := range values {
		b.repeated, b.value = m.label, values[i:i+1]
		if strings.Contains(folded, foldCase(value)) && m.matcher.match(s, b) {
			return true
		}
	}
	return false
}

// foldCase makes texts equal that an expression with the flag i cannot tell apart.
func foldCase(s string) string { return strings.ToLower(strings.ToUpper(s)) }

// bindings has the values of variables while a rule is compared with a request.
type bindings struct {
	rule     *rule
	request  *request
	repeated variable // stands for value alone, if value is not nil
	value    []string
}

// values returns the values of v. Empty values are among them; callers skip these.
func (b *bindings) values(v variable) []string {
	if b.value != nil && v == b.repeated {
		return b.value
	}
	values := b.request.values(v.attribute)
	if v.attribute.field == fieldLabels || len(values) == 0 {
		return values
	}
	// The user alice/team must not own a part of alice's namespace.
	if v.attribute.field == fieldAccount && strings.Contains(values[0], "/") {
		return nil
	}
	if v.group == wholeValue {
		return values
	}
	if e := b.rule.expression(v.attribute); e != nil {
		if groups := e.FindStringSubmatch(values[0]); v.group < len(groups) {
			return groups[v.group : v.group+1]
		}
	}
	return nil
}
