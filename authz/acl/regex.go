package acl

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// expression is a regular expression without variables.
type expression struct{ *regexp.Regexp }

func (e expression) match(s string, _ bindings) bool { return e.MatchString(s) }

// regexTemplate is a regular expression with variables. Each variable becomes an alternation of
// quoted values, so that a label with many values costs the sum of their lengths. RE2 matches in
// linear time.
type regexTemplate struct {
	parts []part
	// foldsCase is set if a value can match in another case.
	foldsCase bool
	cache     *programs
}

const (
	// maxAlternatives limits the values in one expression. With more, a request does not match.
	maxAlternatives = 1000
	// maxPrograms limits the programs that a list caches.
	maxPrograms = 512
)

func (p *pattern) parseExpression(source string, parts []part, cache *programs) error {
	compiled, err := regexp.Compile(join(parts, "(?:x)"))
	if err != nil {
		if malformed := (*syntax.Error)(nil); errors.As(err, &malformed) {
			err = fmt.Errorf("%s: %q", malformed.Code, malformed.Expr)
		}
		return fmt.Errorf("bad regular expression: %w", err)
	}
	p.start = expressionStart(source, parts)
	if len(p.variables) == 0 {
		p.matcher = expression{compiled}
		return nil
	}
	// Values must be literals. The parser itself says where: in a class or a quotation, parentheses
	// are plain characters and make no group.
	grouped, err := regexp.Compile(join(parts, "(x)"))
	if err != nil || grouped.NumSubexp()-compiled.NumSubexp() != len(p.variables) {
		return errors.New(`a variable stands in a character class, after \Q or after a backslash`)
	}
	p.matcher = &regexTemplate{parts: parts, foldsCase: foldsCase(source), cache: cache}
	return nil
}

// foldsCase reports whether an expression has the flag i. It may report a flag that is quoted.
func foldsCase(expression string) bool {
	for _, group := range strings.Split(expression, "(?")[1:] {
		rest := strings.TrimLeft(group, "imsU-")
		if strings.Contains(group[:len(group)-len(rest)], "i") {
			return true
		}
	}
	return false
}

func (e *regexTemplate) match(s string, b bindings) bool {
	var expanded strings.Builder
	alternatives := 0
	for _, p := range e.parts {
		if p.variable == nil {
			expanded.WriteString(p.text)
			continue
		}
		quoted := e.quote(b.values(*p.variable), s)
		alternatives += len(quoted)
		if len(quoted) == 0 || alternatives > maxAlternatives {
			return false
		}
		expanded.WriteString("(?:" + strings.Join(quoted, "|") + ")")
	}
	compiled, cached := e.cache.Get(expanded.String())
	if !cached {
		compiled, _ = regexp.Compile(expanded.String()) // nil if the expression is too large
		e.cache.Add(expanded.String(), compiled)
	}
	return compiled != nil && compiled.MatchString(s)
}

// quote returns the values that can match in s. Most requests need no program, because no value
// occurs in s. A value that is not valid UTF-8 would make the expression invalid.
func (e *regexTemplate) quote(values []string, s string) []string {
	var quoted []string
	for _, value := range values {
		if value != "" && len(value) <= maxText && utf8.ValidString(value) &&
			(e.foldsCase || strings.Contains(s, value)) {
			quoted = append(quoted, regexp.QuoteMeta(value))
		}
	}
	return quoted
}

// firstPlaceholder is the private-use character that stands for the first variable in a syntax
// tree. The characters after it stand for the other variables.
const firstPlaceholder rune = 0xF0000

// expressionStart finds the start of expressions that begin with ^ and a literal, as most do.
func expressionStart(source string, parts []part) start {
	if len(parts) > maxAlternatives || strings.Contains(source, `\x{`) ||
		strings.ContainsFunc(source, func(c rune) bool { return c >= firstPlaceholder }) {
		return start{} // the expression may contain a placeholder
	}
	var b strings.Builder
	var variables []*variable
	for _, p := range parts {
		b.WriteString(p.text)
		if p.variable != nil {
			b.WriteRune(firstPlaceholder + rune(len(variables))) //nolint:gosec // limited above
			variables = append(variables, p.variable)
		}
	}
	tree, err := syntax.Parse(b.String(), syntax.Perl)
	if err != nil || tree.Op != syntax.OpConcat || tree.Sub[0].Op != syntax.OpBeginText {
		return start{}
	}
	first := tree.Sub[1]
	if first.Op != syntax.OpLiteral || first.Flags&syntax.FoldCase != 0 {
		return start{}
	}
	begin := start{whole: len(tree.Sub) == 3 && tree.Sub[2].Op == syntax.OpEndText}
	runes := first.Rune
	if runes[0] >= firstPlaceholder {
		begin.lead = variables[runes[0]-firstPlaceholder]
		runes = runes[1:]
	}
	end := func(c rune) bool { // U+FFFD also matches bytes that are not UTF-8
		return c >= firstPlaceholder || c == utf8.RuneError
	}
	if i := slices.IndexFunc(runes, end); i >= 0 {
		runes, begin.whole = runes[:i], false
	}
	begin.text = string(runes)
	return begin
}
