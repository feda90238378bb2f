package acl

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
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
	cache *programs
}

const (
	// maxAlternatives limits the values in one expression. With more, a request does not match.
	maxAlternatives = 1000
	// maxPrograms limits the programs that a list caches.
	maxPrograms = 512
	// nothing matches nothing. It stands for an optional variable without a value that can match.
	nothing = `[^\x00-\x{10FFFF}]`
)

func (p *pattern) parseExpression(parts []part, cache *programs) error {
	compiled, err := regexp.Compile(join(parts, "(?:x)"))
	if err != nil {
		if malformed := (*syntax.Error)(nil); errors.As(err, &malformed) {
			err = fmt.Errorf("%s: %q", malformed.Code, malformed.Expr)
		}
		return fmt.Errorf("bad regular expression: %w", err)
	}
	// Values must be literals. The parser itself says where: in a class or a quotation, parentheses
	// are plain characters and make no group.
	var grouped strings.Builder
	groups := make(map[string]*part)
	for i, part := range parts {
		grouped.WriteString(part.text)
		if part.variable != nil {
			name := fmt.Sprintf("registry_auth_%d", i)
			groups[name] = &parts[i]
			fmt.Fprintf(&grouped, "(?P<%s>x)", name)
		}
	}
	tree, err := syntax.Parse(grouped.String(), syntax.Perl)
	if err != nil || tree.MaxCap()-compiled.NumSubexp() != len(groups) {
		return errors.New(`a variable stands in a character class, after \Q or after a backslash`)
	}
	p.locate(tree, groups, true, false)
	p.start = expressionStart(tree, groups)
	p.matcher = expression{compiled}
	if len(groups) > 0 {
		p.matcher = &regexTemplate{parts: parts, cache: cache}
	}
	return nil
}

// locate finds the groups in the tree, and lists variables under a quantifier a second time.
func (p *pattern) locate(e *syntax.Regexp, groups map[string]*part, required, repeated bool) {
	switch e.Op {
	case syntax.OpConcat:
	case syntax.OpCapture:
		if group := groups[e.Name]; group != nil {
			group.required, group.foldsCase = required, e.Sub[0].Flags&syntax.FoldCase != 0
			if repeated {
				p.variables = append(p.variables, *group.variable)
			}
		}
	default:
		required = false
		repeated = repeated || e.Op != syntax.OpAlternate && e.Op != syntax.OpQuest
	}
	for _, sub := range e.Sub {
		p.locate(sub, groups, required, repeated)
	}
}

func (e *regexTemplate) match(s string, b bindings) bool {
	var expanded strings.Builder
	alternatives := 0
	for _, p := range e.parts {
		if p.variable == nil {
			expanded.WriteString(p.text)
			continue
		}
		quoted := p.quote(b.values(*p.variable), s)
		alternatives += len(quoted)
		if p.required && len(quoted) == 0 || alternatives > maxAlternatives {
			return false
		}
		if len(quoted) == 0 {
			quoted = []string{nothing}
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
func (p *part) quote(values []string, s string) []string {
	var quoted []string
	for _, value := range values {
		if value != "" && len(value) <= maxText && utf8.ValidString(value) &&
			(p.foldsCase || strings.Contains(s, value)) {
			quoted = append(quoted, regexp.QuoteMeta(value))
		}
	}
	return quoted
}

// expressionStart finds the start of expressions that begin with ^, as most do.
func expressionStart(tree *syntax.Regexp, groups map[string]*part) start {
	if tree.Op != syntax.OpConcat || tree.Sub[0].Op != syntax.OpBeginText {
		return start{}
	}
	var begin start
	cut, rest := false, tree.Sub[1:]
	if lead := groups[rest[0].Name]; lead != nil && !lead.foldsCase {
		begin.lead = lead.variable
		rest = rest[1:]
	}
	if len(rest) > 0 && rest[0].Op == syntax.OpLiteral && rest[0].Flags&syntax.FoldCase == 0 {
		// U+FFFD also matches bytes that are not UTF-8.
		begin.text, _, cut = strings.Cut(string(rest[0].Rune), string(utf8.RuneError))
		rest = rest[1:]
	}
	begin.whole = !cut && len(rest) == 1 && rest[0].Op == syntax.OpEndText
	return begin
}
