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

// A variable is what a template stands for.
type variable struct {
	field field
	// label names the label of a fieldLabels variable.
	label string
	// group is the number of a capture group of the rule's own expression for the field, or wholeValue.
	group int
}

// String returns the template of v.
func (v variable) String() string {
	switch {
	case v.field == fieldLabels:
		return "${labels:" + v.label + "}"
	case v.group == wholeValue:
		return "${" + v.field.String() + "}"
	default:
		return "${" + v.field.String() + ":" + strconv.Itoa(v.group) + "}"
	}
}

// A part is a piece of a pattern: text, or a template.
type part struct {
	text     string
	variable *variable // nil for text
}

// splitTemplates cuts a pattern into text and templates. A pattern without templates is one part.
func splitTemplates(pattern string) ([]part, error) {
	var parts []part
	for {
		text, rest, found := strings.Cut(pattern, "${")
		if text != "" || !found {
			parts = append(parts, part{text: text})
		}
		if !found {
			return parts, checkPlaces(parts)
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, errors.New("a template without its closing brace")
		}
		v, err := parseVariable(name)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{variable: &v})
		if after == "" {
			return parts, checkPlaces(parts)
		}
		pattern = after
	}
}

func parseVariable(s string) (variable, error) {
	name, detail, detailed := strings.Cut(s, ":")
	if name == "labels" && detail != "" {
		return variable{field: fieldLabels, label: detail, group: wholeValue}, nil
	}
	for f := range fieldCount {
		if f.String() != name {
			continue
		}
		if !detailed {
			return variable{field: f, group: wholeValue}, nil
		}
		group, err := strconv.Atoi(detail)
		if err != nil || group < 0 {
			return variable{}, fmt.Errorf("${%s}: a capture group is a number", s)
		}
		return variable{field: f, group: group}, nil
	}
	return variable{}, fmt.Errorf("unknown template variable ${%s}", s)
}

// checkPlaces refuses templates in places where a value could not be taken literally: in a character class, after a
// backslash and after \Q. It reads globs and regular expressions alike.
func checkPlaces(parts []part) error {
	var place scanner
	for _, p := range parts {
		switch {
		case p.variable == nil:
			place.read(p.text)
		case place.inClass:
			return fmt.Errorf("%s stands in a character class", p.variable)
		case place.escaped:
			return fmt.Errorf("%s stands after a backslash", p.variable)
		case place.quoted:
			return fmt.Errorf(`%s stands after \Q`, p.variable)
		}
	}
	return nil
}

// A scanner knows where in a pattern it is.
type scanner struct{ inClass, escaped, quoted bool }

func (s *scanner) read(text string) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case s.escaped:
			s.escaped = false
			s.quoted = s.quoted || c == 'Q'
		case c == '\\':
			s.escaped = true
		case s.inClass && strings.HasPrefix(text[i:], "[:"):
			if end := strings.Index(text[i:], ":]"); end > 0 {
				i += end + 1
			}
		case s.inClass:
			s.inClass = c != ']'
		case c == '[':
			s.inClass = true
			if strings.HasPrefix(text[i+1:], "^") {
				i++
			}
			if strings.HasPrefix(text[i+1:], "]") {
				i++ // a bracket that comes first is a member of the class
			}
		}
	}
}

// repeatedLabel returns the label variable that occurs more than once in parts, or nil. Each occurrence stands for the same
// value, so such a label has to be tried value by value; two of them would be tried in all combinations, and are refused.
func repeatedLabel(parts []part) (*variable, error) {
	var repeated *variable
	for i, p := range parts {
		if p.variable == nil || p.variable.field != fieldLabels || !hasVariable(parts[:i], *p.variable) {
			continue
		}
		if repeated != nil && *repeated != *p.variable {
			return nil, fmt.Errorf("%s and %s both occur more than once", repeated, p.variable)
		}
		repeated = p.variable
	}
	return repeated, nil
}

func hasVariable(parts []part, v variable) bool {
	return slices.ContainsFunc(parts, func(p part) bool { return p.variable != nil && *p.variable == v })
}

// lookup returns the values that v can stand for, in the rule and the question at hand. Where one is returned it is kept in
// buffer. Empty values are among them, and stand for nothing; callers skip them.
func (q *question) lookup(v *variable, r rule, buffer *[1]string) []string {
	if v.field == fieldLabels {
		return q.labels[v.label]
	}
	if !q.known[v.field] {
		return nil
	}
	value := q.values[v.field]
	// A name chosen by its owner must not reach into the namespace of another: the user alice/team is not alice.
	if v.field == fieldAccount && strings.Contains(value, "/") {
		return nil
	}
	if v.group != wholeValue {
		p, _ := r.pattern(v.field)
		value = p.capture(value, v.group)
	}
	buffer[0] = value
	return buffer[:]
}
