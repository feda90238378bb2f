package acl

import (
	"path"
	"strings"
	"unicode/utf8"
)

// globTemplate is a glob with templates. It follows all values of all labels at once, instead of trying one combination of
// values after the other, whose number is the product of theirs.
type globTemplate struct {
	tokens []token
	// repeated is the label that occurs more than once, if there is one.
	repeated *variable
}

// A token is a piece of a glob.
type token struct {
	kind     tokenKind
	text     string    // of a literal, or a class with its brackets
	variable *variable // of a value
}

type tokenKind uint8

const (
	literalToken tokenKind = iota
	starToken              // *
	anyToken               // ?
	classToken             // [a-z]
	valueToken             // a template
)

// tokenize cuts a glob that is well-formed into tokens; adjacent literals become one.
func tokenize(parts []part) []token {
	var tokens []token
	for _, p := range parts {
		if p.variable != nil {
			tokens = append(tokens, token{kind: valueToken, variable: p.variable})
			continue
		}
		for rest := p.text; rest != ""; {
			var t token
			t, rest = nextToken(rest)
			if last := len(tokens) - 1; t.kind == literalToken && last >= 0 && tokens[last].kind == literalToken {
				tokens[last].text += t.text
				continue
			}
			tokens = append(tokens, t)
		}
	}
	return tokens
}

func nextToken(s string) (t token, rest string) {
	switch s[0] {
	case '*':
		return token{kind: starToken}, s[1:]
	case '?':
		return token{kind: anyToken}, s[1:]
	case '\\':
		return token{kind: literalToken, text: s[1:2]}, s[2:]
	case '[':
		end := 1
		for s[end] != ']' {
			if s[end] == '\\' {
				end++
			}
			end++
		}
		return token{kind: classToken, text: s[:end+1]}, s[end+1:]
	}
	end := strings.IndexAny(s, `*?[\`)
	if end < 0 {
		end = len(s)
	}
	return token{kind: literalToken, text: s[:end]}, s[end:]
}

// globStart returns what everything that the tokens match begins with.
func globStart(tokens []token) start {
	var begin start
	if len(tokens) > 0 && tokens[0].kind == valueToken {
		begin.variable, begin.has = *tokens[0].variable, true
		tokens = tokens[1:]
	}
	if len(tokens) > 0 && tokens[0].kind == literalToken {
		begin.text = tokens[0].text
		tokens = tokens[1:]
	}
	begin.whole = len(tokens) == 0
	return begin
}

func (g *globTemplate) match(_, s string, r rule, q *question) bool {
	if len(s) > maxPosition {
		return false
	}
	if g.repeated == nil {
		return g.follow(s, "", r, q)
	}
	for _, value := range q.labels[g.repeated.label] {
		if strings.Contains(s, value) && g.follow(s, value, r, q) {
			return true
		}
	}
	return false
}

// follow keeps the set of offsets in s that the tokens so far can lead to. The repeated label has the given value.
func (g *globTemplate) follow(s, repeated string, r rule, q *question) bool {
	var at positions
	at.add(0)
	for i := range g.tokens {
		t := &g.tokens[i]
		var buffer [1]string
		var values []string
		switch {
		case t.kind != valueToken:
		case g.repeated != nil && *g.repeated == *t.variable:
			buffer[0] = repeated
			values = buffer[:]
		default:
			values = q.lookup(t.variable, r, &buffer)
		}
		var next positions
		for offset := range at.all() {
			t.step(s, offset, values, &next)
		}
		if next.empty() {
			return false
		}
		at = next
	}
	return at.has(len(s))
}

// step adds the offsets in s that the token leads to from offset.
func (t *token) step(s string, offset int, values []string, next *positions) {
	rest := s[offset:]
	switch t.kind {
	case literalToken:
		if strings.HasPrefix(rest, t.text) {
			next.add(offset + len(t.text))
		}
	case valueToken:
		for _, value := range values {
			if value != "" && strings.HasPrefix(rest, value) {
				next.add(offset + len(value))
			}
		}
	case starToken:
		for next.add(offset); rest != "" && rest[0] != '/'; rest = rest[1:] {
			offset++
			next.add(offset)
		}
	case anyToken, classToken:
		if _, size := utf8.DecodeRuneInString(rest); size > 0 && t.matchesOne(rest[:size]) {
			next.add(offset + size)
		}
	}
}

func (t *token) matchesOne(character string) bool {
	if t.kind == anyToken {
		return character != "/"
	}
	matched, err := path.Match(t.text, character)
	return err == nil && matched
}
