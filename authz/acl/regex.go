package acl

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// regexTemplate is a regular expression with templates. Each template becomes an alternation of quoted values, so that a
// label with many values costs no more than the sum of them; RE2 matches in linear time.
type regexTemplate struct {
	parts    []part
	repeated *variable
	// foldsCase is true when a value may match in another case, and so without occurring in the text.
	foldsCase bool
	cache     *programs
}

// maxAlternatives bounds the values in one expression. A request that would need more does not match.
const maxAlternatives = 1000

func parseRegex(expression string, parts []part, cache *programs) (matcher, start, error) {
	compiled, err := regexp.Compile(substitute(parts, "(?:x)"))
	if err != nil {
		return nil, start{}, fmt.Errorf("bad regular expression: %w", sayWhy(err))
	}
	begin := regexStart(parts)
	if len(parts) == 1 && parts[0].variable == nil {
		return staticRegex{compiled}, begin, nil
	}
	repeated, err := repeatedLabel(parts)
	if err != nil {
		return nil, start{}, err
	}
	return &regexTemplate{parts: parts, repeated: repeated, foldsCase: foldsCase(expression), cache: cache}, begin, nil
}

// sayWhy drops the prefix that says which package found the mistake.
func sayWhy(err error) error {
	if malformed := (*syntax.Error)(nil); errors.As(err, &malformed) {
		return fmt.Errorf("%s: %q", malformed.Code, malformed.Expr)
	}
	return err
}

// foldsCase reports whether the expression may have the flag i somewhere. It errs on the side of yes.
func foldsCase(expression string) bool {
	for {
		_, flags, found := strings.Cut(expression, "(?")
		if !found {
			return false
		}
		end := strings.IndexAny(flags, ":)<")
		if end >= 0 && strings.Contains(flags[:end], "i") {
			return true
		}
		expression = flags
	}
}

func (e *regexTemplate) match(_, s string, r rule, q *question) bool {
	if e.repeated == nil {
		return e.matchWith("", s, r, q)
	}
	for _, value := range q.labels[e.repeated.label] {
		if e.mayOccur(value, s) && e.matchWith(value, s, r, q) {
			return true
		}
	}
	return false
}

// matchWith matches with the given value of the repeated label.
func (e *regexTemplate) matchWith(repeated, s string, r rule, q *question) bool {
	var expanded strings.Builder
	alternatives := 0
	for _, p := range e.parts {
		if p.variable == nil {
			expanded.WriteString(p.text)
			continue
		}
		var buffer [1]string
		values := buffer[:]
		if e.repeated != nil && *e.repeated == *p.variable {
			buffer[0] = repeated
		} else {
			values = q.lookup(p.variable, r, &buffer)
		}
		written := e.alternation(&expanded, values, s)
		alternatives += written
		if written == 0 || alternatives > maxAlternatives {
			return false
		}
	}
	expression := e.cache.get(expanded.String())
	return expression != nil && expression.MatchString(s)
}

// alternation writes an expression that matches the values, and returns how many there are. Values that do not occur in s are
// left out: they cannot match, and most requests are done here.
func (e *regexTemplate) alternation(b *strings.Builder, values []string, s string) int {
	written := 0
	separator := "(?:"
	for _, value := range values {
		if !e.mayOccur(value, s) || written > maxAlternatives {
			continue
		}
		b.WriteString(separator)
		b.WriteString(regexp.QuoteMeta(value))
		separator = "|"
		written++
	}
	if written > 0 {
		b.WriteString(")")
	}
	return written
}

// mayOccur also leaves out what would break an expression, so that one odd value of a label does not disable the others.
func (e *regexTemplate) mayOccur(value, s string) bool {
	return value != "" && len(value) <= maxPosition && utf8.ValidString(value) && (e.foldsCase || strings.Contains(s, value))
}

// firstPlaceholder is the first of the private-use characters that stand for templates while an expression is examined.
const firstPlaceholder rune = 0xF0000

// regexStart returns what everything that the expression matches begins with. It knows expressions that are anchored by ^ and
// go on with a literal, as most of them do; of others it says nothing.
func regexStart(parts []part) start {
	var b strings.Builder
	var variables []variable
	placeholder := firstPlaceholder
	for _, p := range parts {
		if len(variables) > maxAlternatives {
			return start{}
		}
		if p.variable != nil {
			b.WriteRune(placeholder)
			variables = append(variables, *p.variable)
			placeholder++
			continue
		}
		if mayHavePlaceholder(p.text) {
			return start{}
		}
		b.WriteString(p.text)
	}
	tree, err := syntax.Parse(b.String(), syntax.Perl)
	if err != nil || tree.Op != syntax.OpConcat || tree.Sub[0].Op != syntax.OpBeginText {
		return start{}
	}
	first := tree.Sub[1]
	if first.Op != syntax.OpLiteral || first.Flags&syntax.FoldCase != 0 {
		return start{}
	}
	ends := len(tree.Sub) == 3 && tree.Sub[2].Op == syntax.OpEndText
	return literalStart(first.Rune, variables, ends)
}

// mayHavePlaceholder reports whether the text of an expression can match one of the characters that stand for templates. The
// only other way to write them is \x{10FFFF}.
func mayHavePlaceholder(text string) bool {
	return strings.Contains(text, `\x{`) || strings.ContainsFunc(text, func(c rune) bool { return c >= firstPlaceholder })
}

// literalStart is the start of a literal in which placeholders stand for variables. It ends before U+FFFD, which in an
// expression also matches bytes that are not UTF-8.
func literalStart(literal []rune, variables []variable, ends bool) start {
	var begin start
	if literal[0] >= firstPlaceholder {
		begin.variable, begin.has = variables[literal[0]-firstPlaceholder], true
		literal = literal[1:]
	}
	n := 0
	for n < len(literal) && literal[n] < firstPlaceholder && literal[n] != utf8.RuneError {
		n++
	}
	begin.text = string(literal[:n])
	begin.whole = ends && n == len(literal)
	return begin
}

// maxPrograms bounds the expressions that a list keeps.
const maxPrograms = 512

// programs are expressions whose templates have been replaced, compiled. When there are too many, all of them are forgotten:
// they are cheap to make again. They are safe for concurrent use.
type programs struct {
	compiled sync.Map // expression → *regexp.Regexp
	count    atomic.Int64
}

// get returns the compiled expression, or nil when it cannot be compiled, as one that is too large.
func (c *programs) get(expression string) *regexp.Regexp {
	if known, found := c.compiled.Load(expression); found {
		return known.(*regexp.Regexp) //nolint:errcheck,forcetypeassert // the map has nothing else
	}
	program, err := regexp.Compile(expression)
	if err != nil {
		program = nil
	}
	if c.count.Add(1) > maxPrograms {
		c.compiled.Clear()
		c.count.Store(1)
	}
	c.compiled.Store(expression, program)
	return program
}
