package scope

import (
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
)

// Real scopes are far smaller. These limits bound the work that a hostile scope causes.
const (
	maxLength     = 512                                    // of a whole scope, in bytes
	maxNameLength = reference.RepositoryNameTotalLengthMax // 255 bytes
	maxActions    = 16
)

// A ParseError reports a string that is not a resource scope.
type ParseError struct {
	// Input is the malformed scope, without the others of its list. It is untrusted and may be
	// long; Error quotes and shortens it.
	Input string
	// Reason says why Input is malformed. It repeats at most one character of Input, quoted.
	Reason string
}

// Error returns the malformed scope, quoted and shortened, with the reason.
func (e *ParseError) Error() string {
	const most = 100
	input, ellipsis := e.Input, ""
	if len(input) > most {
		input, ellipsis = input[:most], "…"
	}
	return fmt.Sprintf("scope %+q%s: %s", input, ellipsis, e.Reason)
}

// Parse parses one resource scope of at most 512 bytes, with at most 16 different actions. The
// actions of the result are sorted and unique. A scope without actions is well-formed and requests
// nothing. A deprecated resource class, as in repository(plugin):…, is dropped.
//
// If s is malformed, Parse returns the zero Scope and a *[ParseError].
func Parse(s string) (Scope, error) {
	parsed, reason := parse(s)
	if reason != "" {
		return Scope{}, &ParseError{Input: s, Reason: reason}
	}
	return parsed, nil
}

// ParseList parses the scope parameters of a token request. Each value holds one scope or a list
// separated by spaces (RFC 6749, section 3.3); empty ones are skipped. ParseList returns the
// well-formed scopes in their order, not merged, and an error for each malformed one. It does not
// limit their number; limit the size of the request.
//
// A token server should ignore malformed scopes as long as a well-formed one has actions, and
// otherwise answer 400. For example, a stray space makes two scopes of "repository:app: pull":
// "repository:app:", which requests nothing, and "pull", which is malformed.
func ParseList(values ...string) (list []Scope, malformed []*ParseError) {
	for _, value := range values {
		for s := range strings.SplitSeq(value, " ") {
			if s == "" {
				continue
			}
			parsed, reason := parse(s)
			if reason != "" {
				malformed = append(malformed, &ParseError{Input: s, Reason: reason})
				continue
			}
			list = append(list, parsed)
		}
	}
	return list, malformed
}

// parse returns the scope, or why it is malformed.
func parse(s string) (parsed Scope, reason string) {
	if len(s) > maxLength {
		return Scope{}, fmt.Sprintf("the scope is longer than %d bytes", maxLength)
	}
	first, last := strings.IndexByte(s, ':'), strings.LastIndexByte(s, ':')
	if first == last {
		return Scope{}, "not of the form type:name:actions"
	}
	parsed.Name = s[first+1 : last]
	if parsed.Type, reason = parseType(s[:first]); reason != "" {
		return Scope{}, reason
	}
	if reason = checkName(parsed.Type, parsed.Name); reason != "" {
		return Scope{}, reason
	}
	if parsed.Actions, reason = parseActions(s[last+1:]); reason != "" {
		return Scope{}, reason
	}
	return parsed, ""
}

// parseType checks a resource type and drops its class.
func parseType(s string) (typ, reason string) {
	typ, class, hasClass := strings.Cut(s, "(")
	if typ == "" {
		return "", "empty type"
	}
	if i := misplaced(typ, "-_", notAlphanumeric); i >= 0 {
		return "", unexpected(typ[i:]) + " in the type"
	}
	if !hasClass {
		return typ, ""
	}
	class, closed := strings.CutSuffix(class, ")")
	switch i := strings.IndexFunc(class, notAlphanumeric); {
	case i >= 0:
		return "", unexpected(class[i:]) + " in the resource class"
	case !closed:
		return "", "no closing parenthesis after the resource class"
	case class == "":
		return "", "empty resource class"
	}
	return typ, ""
}

func parseActions(s string) (actions []string, reason string) {
	actions = make([]string, 0, min(strings.Count(s, ",")+1, maxActions)) // [] in JSON, not null
	for action := range strings.SplitSeq(s, ",") {
		if action == "" || slices.Contains(actions, action) {
			continue
		}
		if i := misplaced(action, "_", notLowerCase); i >= 0 && action != ActionAll {
			return nil, unexpected(action[i:]) + " in the actions"
		}
		if len(actions) == maxActions {
			return nil, fmt.Sprintf("more than %d actions", maxActions)
		}
		actions = append(actions, action)
	}
	slices.Sort(actions)
	return actions, ""
}

func notLowerCase(r rune) bool { return r < 'a' || r > 'z' }

func notAlphanumeric(r rune) bool { return notLowerCase(r) && (r < '0' || r > '9') }
