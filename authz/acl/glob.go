package acl

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxText limits the bytes of a text that a glob with a variable matches, and of a value in an
// expression. No name is longer.
const maxText = 255

// A token is an element of a glob.
type token struct {
	kind     byte      // *, ?, [ for a class, $ for a variable, and 0 for a literal
	text     string    // as path.Match reads it; a literal has no backslashes
	variable *variable // of kind $
}

// tokenize splits a glob that path.Match accepts, following its grammar: a class ends at the first
// bracket that is not escaped. Adjacent literals become one token.
func tokenize(parts []part) ([]token, error) {
	var tokens []token
	for i, p := range parts {
		if p.variable != nil {
			tokens = append(tokens, token{kind: '$', variable: p.variable})
			continue
		}
		for rest := p.text; rest != ""; {
			t, length := nextToken(rest)
			if length > len(rest) {
				// The glob is valid, so a variable follows.
				where := "in a character class"
				if rest[0] == '\\' {
					where = "after a backslash"
				}
				return nil, fmt.Errorf("%s stands %s", parts[i+1].variable, where)
			}
			rest = rest[length:]
			last := len(tokens) - 1
			if t.kind == 0 && last >= 0 && tokens[last].kind == 0 {
				tokens[last].text += t.text
			} else {
				tokens = append(tokens, t)
			}
		}
	}
	return tokens, nil
}

// nextToken returns the first token of s. The length exceeds that of s if the token is incomplete.
func nextToken(s string) (t token, length int) {
	switch s[0] {
	case '*', '?':
		return token{kind: s[0], text: s[:1]}, 1
	case '\\':
		return token{text: s[1:min(2, len(s))]}, 2
	case '[':
		end := 1
		for end < len(s) && s[end] != ']' {
			if s[end] == '\\' {
				end++
			}
			end++
		}
		return token{kind: '[', text: s[:min(end+1, len(s))]}, end + 1
	default:
		end := strings.IndexAny(s+"*", `*?[\`)
		return token{text: s[:end]}, end
	}
}

func globStart(tokens []token) start {
	var begin start
	if len(tokens) > 0 && tokens[0].kind == '$' {
		begin.lead = tokens[0].variable
		tokens = tokens[1:]
	}
	if len(tokens) > 0 && tokens[0].kind == 0 {
		begin.text = tokens[0].text
		tokens = tokens[1:]
	}
	begin.whole = len(tokens) == 0
	return begin
}

// globTemplate is a glob with variables. It tracks all offsets that the values of all labels can
// lead to. Trying the combinations of values would take the product of their numbers.
type globTemplate []token

func (g globTemplate) match(s string, b bindings) bool {
	if len(s) > maxText {
		return false
	}
	reached := make([]bool, len(s)+1)
	reached[0] = true
	for _, t := range g {
		var values []string
		if t.kind == '$' {
			values = b.values(*t.variable)
		}
		next := make([]bool, len(s)+1)
		for offset, ok := range reached {
			if ok {
				t.advance(s[offset:], values, next[offset:])
			}
		}
		if !slices.Contains(next, true) {
			return false
		}
		reached = next
	}
	return reached[len(s)]
}

// advance sets next at the length of each prefix of s that the token matches.
func (t *token) advance(s string, values []string, next []bool) {
	switch t.kind {
	case 0:
		if strings.HasPrefix(s, t.text) {
			next[len(t.text)] = true
		}
	case '$':
		for _, value := range values {
			if value != "" && strings.HasPrefix(s, value) {
				next[len(value)] = true
			}
		}
	case '*':
		next[0] = true
		for i := 0; i < len(s) && s[i] != '/'; i++ {
			next[i+1] = true
		}
	default:
		_, size := utf8.DecodeRuneInString(s)
		if matched, err := path.Match(t.text, s[:size]); err == nil && matched {
			next[size] = true
		}
	}
}
