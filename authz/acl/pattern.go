package acl

import (
	"fmt"
	"path"
	"regexp"

	"github.com/berthpass/registry-auth/internal/lru"
)

// A pattern is a compiled pattern. Patterns with the same text are one *pattern in a list.
type pattern struct {
	matcher

	text      string
	variables []variable
	start     start
}

// A matcher is the compiled form of a pattern.
type matcher interface {
	// match reports whether the pattern matches s. Variables have the values in b.
	match(s string, b bindings) bool
}

// A start is the beginning of all texts that a pattern matches: the value of lead, unless nil, and
// then text. The zero start says nothing.
type start struct {
	lead  *variable
	text  string
	whole bool // nothing follows
}

// programs caches compiled expressions.
type programs = lru.Cache[string, *regexp.Regexp]

// parsePattern compiles a pattern. Expressions with variables keep their programs in cache.
func parsePattern(text string, cache *programs) (*pattern, error) {
	source, isExpression := cutSlashes(text)
	parts, err := splitVariables(source)
	if err != nil {
		return nil, err
	}
	p := &pattern{text: text}
	for _, part := range parts {
		if part.variable != nil {
			p.variables = append(p.variables, *part.variable)
		}
	}
	if isExpression {
		err = p.parseExpression(parts, cache)
	} else {
		err = p.parseGlob(parts)
	}
	if err != nil {
		return nil, err
	}
	repeated, err := repeatedLabel(p.variables)
	if repeated != nil {
		p.matcher = repetition{p.matcher, *repeated}
	}
	return p, err
}

// cutSlashes removes the slashes around an expression. Other patterns, including "//", are globs.
func cutSlashes(text string) (source string, isExpression bool) {
	if len(text) < 3 || text[0] != '/' || text[len(text)-1] != '/' {
		return text, false
	}
	return text[1 : len(text)-1], true
}

// literal returns the only text that p matches in any request.
func (p *pattern) literal() (text string, ok bool) {
	return p.start.text, p.start.whole && p.start.lead == nil
}

func (p *pattern) parseGlob(parts []part) error {
	// Values are literals, so any literal shows whether the glob is valid.
	if _, err := path.Match(join(parts, "x"), ""); err != nil {
		return fmt.Errorf("bad glob %q: %w", p.text, err)
	}
	tokens, err := tokenize(parts)
	if err != nil {
		return err
	}
	p.start = globStart(tokens)
	p.matcher = globTemplate(tokens)
	if len(p.variables) == 0 {
		p.matcher = glob(p.text)
	}
	return nil
}

// glob is a glob without variables.
type glob string

func (g glob) match(s string, _ bindings) bool {
	matched, err := path.Match(string(g), s)
	return err == nil && matched
}
