package acl

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxText is the length in bytes of the longest text that a glob with a template matches, and of the
// longest value in an expression. No name is longer.
const maxText = 255

// A token is an element of a glob.
type token struct {
	kind     tokenKind
	text     string    // a literal, a ? or a class with its brackets
	variable *variable // of a value
}

type tokenKind uint8

const (
	literalToken   tokenKind = iota
	starToken                // *
	characterToken           // ? or [a-z]
	valueToken               // a template
)

// tokenize splits a glob that path.Match accepts. Adjacent literals become one token. It follows the
// grammar of path.Match, in which a class ends at the first bracket that is not escaped.
func tokenize(parts []part) ([]token, error) {
	var tokens []token
	for i, p := range parts {
		if p.variable != nil {
			tokens = append(tokens, token{kind: valueToken, variable: p.variable})
			continue
		}
		for rest := p.text; rest != ""; {
			t, length := nextToken(rest)
			if length > len(rest) {
				// The glob is valid, so a template follows.
				where := "in a character class"
				if rest[0] == '\\' {
					where = "after a backslash"
				}
				return nil, fmt.Errorf("%s stands %s", parts[i+1].variable, where)
			}
			rest = rest[length:]
			last := len(tokens) - 1
			if t.kind == literalToken && last >= 0 && tokens[last].kind == literalToken {
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
	case '*':
		return token{kind: starToken}, 1
	case '?':
		return token{kind: characterToken, text: "?"}, 1
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
		return token{kind: characterToken, text: s[:min(end+1, len(s))]}, end + 1
	}
	end := strings.IndexAny(s, `*?[\`)
	if end < 0 {
		end = len(s)
	}
	return token{text: s[:end]}, end
}

func globStart(tokens []token) start {
	var begin start
	if len(tokens) > 0 && tokens[0].kind == valueToken {
		begin.lead = tokens[0].variable
		tokens = tokens[1:]
	}
	if len(tokens) > 0 && tokens[0].kind == literalToken {
		begin.text = tokens[0].text
		tokens = tokens[1:]
	}
	begin.whole = len(tokens) == 0
	return begin
}

// globTemplate is a glob with templates. It tracks all offsets that the values of all labels can
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
		if t.kind == valueToken {
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
	case literalToken:
		if strings.HasPrefix(s, t.text) {
			next[len(t.text)] = true
		}
	case valueToken:
		for _, value := range values {
			if value != "" && strings.HasPrefix(s, value) {
				next[len(value)] = true
			}
		}
	case starToken:
		next[0] = true
		for i := 0; i < len(s) && s[i] != '/'; i++ {
			next[i+1] = true
		}
	case characterToken:
		_, size := utf8.DecodeRuneInString(s)
		if matched, err := path.Match(t.text, s[:size]); err == nil && matched {
			next[size] = true
		}
	}
}
