package acl

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// A pattern is a compiled pattern.
type pattern struct {
	// text is the pattern as it was written.
	text string
	// program matches; without one, the text itself is the only match.
	program matcher
}

// A matcher is the part of a pattern that is more than a literal.
type matcher interface {
	// match reports whether the pattern, of that text, matches s for the rule and the question.
	match(text, s string, r rule, q *question) bool
}

func (p pattern) matches(s string, r rule, q *question) bool {
	if p.program == nil {
		return s == p.text
	}
	return p.program.match(p.text, s, r, q)
}

// literal reports whether p matches one text only, whatever the request.
func (p pattern) literal() bool { return p.program == nil }

// capture returns a capture group of the pattern's expression in s, or nothing when it has no such group or does not match.
func (p pattern) capture(s string, group int) string {
	expression, ok := p.program.(staticRegex)
	if !ok || group > expression.NumSubexp() {
		return ""
	}
	at := expression.FindStringSubmatchIndex(s)
	if at == nil || at[2*group] < 0 {
		return ""
	}
	return s[at[2*group]:at[2*group+1]]
}

// A start is what everything that a pattern matches begins with: the value of a variable, if there is one, and then a text.
// The zero start says nothing.
type start struct {
	variable variable
	has      bool // there is a variable
	text     string
	whole    bool // nothing follows
}

// about is what the compiler needs to know of a pattern and decisions do not.
type about struct {
	variables []variable
	start     start
}

// parsePattern compiles a pattern. Expressions with templates keep their programs in cache.
func parsePattern(text string, cache *programs) (pattern, about, error) {
	p := pattern{text: text}
	var of about
	expression, isRegex := cutSlashes(text)
	if !isRegex {
		expression = text
		if !strings.ContainsAny(text, `*?[\`) && !strings.Contains(text, "${") {
			return p, of, nil
		}
	}
	parts, err := splitTemplates(expression)
	if err != nil {
		return p, of, err
	}
	for _, piece := range parts {
		if piece.variable != nil {
			of.variables = append(of.variables, *piece.variable)
		}
	}
	if isRegex {
		p.program, of.start, err = parseRegex(expression, parts, cache)
	} else {
		p.program, of.start, err = parseGlob(text, parts)
	}
	return p, of, err
}

// cutSlashes returns the regular expression between slashes. Two slashes are a glob, and so is a single one.
func cutSlashes(text string) (expression string, isRegex bool) {
	if len(text) < 3 || text[0] != '/' || text[len(text)-1] != '/' {
		return "", false
	}
	return text[1 : len(text)-1], true
}

// staticGlob is a glob without templates.
type staticGlob struct{}

func (staticGlob) match(text, s string, _ rule, _ *question) bool {
	matched, err := path.Match(text, s)
	return err == nil && matched
}

// staticRegex is a regular expression without templates.
type staticRegex struct{ *regexp.Regexp }

func (e staticRegex) match(_, s string, _ rule, _ *question) bool { return e.MatchString(s) }

func parseGlob(text string, parts []part) (matcher, start, error) {
	// Whether a glob is well-formed does not depend on what a template stands for, since that is a literal.
	if _, err := path.Match(substitute(parts, "x"), ""); err != nil {
		return nil, start{}, fmt.Errorf("bad glob %q: %w", text, err)
	}
	repeated, err := repeatedLabel(parts)
	if err != nil {
		return nil, start{}, err
	}
	tokens := tokenize(parts)
	if len(parts) == 1 && parts[0].variable == nil {
		return staticGlob{}, globStart(tokens), nil
	}
	return &globTemplate{tokens: tokens, repeated: repeated}, globStart(tokens), nil
}

// substitute returns the pattern with value in the place of every template.
func substitute(parts []part, value string) string {
	var b strings.Builder
	for _, p := range parts {
		if p.variable != nil {
			b.WriteString(value)
			continue
		}
		b.WriteString(p.text)
	}
	return b.String()
}
