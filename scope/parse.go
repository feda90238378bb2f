package scope

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/distribution/reference"
)

// The largest scope that [Parse] accepts. Real ones are far smaller; the bounds keep a hostile one cheap.
const (
	// MaxLength bounds a whole scope, in bytes.
	MaxLength = 512
	// MaxNameLength bounds the resource name, in bytes.
	MaxNameLength = reference.RepositoryNameTotalLengthMax
	// MaxActions bounds the number of actions in one scope.
	MaxActions = 16
)

// A Part is one of the three parts of a scope.
type Part string

// The parts of a scope that a [ParseError] can point at.
const (
	PartType    Part = "type"
	PartName    Part = "name"
	PartActions Part = "actions"
)

// A ParseError says why a string is not a resource scope, and where.
type ParseError struct {
	// Input is the whole string as it was received. It is untrusted and may be long; Error quotes and shortens it.
	Input string
	// Part is the part that is malformed.
	Part Part
	// Offset is the position in Input, in bytes from zero, at which the grammar is broken.
	Offset int
	// Reason says what is wrong there. It contains nothing of Input but, quoted, the character at Offset.
	Reason string
}

// maxQuoted is how much of a malformed scope an error message repeats, in bytes.
const maxQuoted = 100

// Error returns the malformed scope, quoted and shortened, with the place and the reason.
func (e *ParseError) Error() string {
	input, more := e.Input, ""
	if len(input) > maxQuoted {
		input, more = input[:maxQuoted], "…"
	}
	return fmt.Sprintf("scope %+q%s: %s, at byte %d: %s", input, more, e.Part, e.Offset, e.Reason)
}

// Parse reads one resource scope. The actions of the result are sorted and unique; a scope without any is well-formed
// and asks for nothing. A deprecated resource class, as in repository(plugin):…, is dropped.
//
// The error is a *[ParseError]. With an error the Scope is the zero value.
func Parse(s string) (Scope, error) {
	parsed, malformed := parse(s)
	if malformed != nil {
		return Scope{}, malformed
	}
	return parsed, nil
}

// ParseList reads the scopes of a token request: each value may hold one scope or a space-separated list, and empty ones
// are skipped. It returns the well-formed scopes in their order, not merged, and an error for each malformed one.
//
// The two results are independent, because the caller has to choose: a token server leaves a malformed scope out when
// others are well-formed (crane sends repository::pull beside registry:catalog:* and expects an answer), while a strict
// caller refuses the list when malformed is not empty.
func ParseList(values ...string) (list []Scope, malformed []*ParseError) {
	count := 0
	for range split(values) {
		count++
	}
	for s := range split(values) {
		parsed, err := parse(s)
		if err != nil {
			malformed = append(malformed, err)
			continue
		}
		if list == nil {
			list = make([]Scope, 0, count)
		}
		list = append(list, parsed)
	}
	return list, malformed
}

// Split returns the single scopes in values, each of which may be a space-separated list, without checking them. Only
// the space separates (RFC 6749, section 3.3): a tab or a line break is part of a scope, and makes it malformed.
func Split(values ...string) []string {
	return slices.Collect(split(values))
}

func split(values []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, value := range values {
			for s := range strings.SplitSeq(value, " ") {
				if s != "" && !yield(s) {
					return
				}
			}
		}
	}
}

func parse(s string) (Scope, *ParseError) {
	fail := func(part Part, offset int, reason string) (Scope, *ParseError) {
		return Scope{}, &ParseError{Input: s, Part: part, Offset: offset, Reason: reason}
	}
	if len(s) > MaxLength {
		return fail(PartActions, MaxLength, fmt.Sprintf("the scope is longer than %d bytes", MaxLength))
	}
	first, last := strings.IndexByte(s, ':'), strings.LastIndexByte(s, ':')
	switch {
	case first < 0:
		return fail(PartType, len(s), "no colon after the resource type")
	case first == last:
		return fail(PartName, len(s), "no colon after the resource name")
	}
	typ, offset, reason := parseType(s[:first])
	if reason != "" {
		return fail(PartType, offset, reason)
	}
	name := s[first+1 : last]
	if offset, reason := checkName(typ, name); reason != "" {
		return fail(PartName, first+1+offset, reason)
	}
	actions, offset, reason := parseActions(s[last+1:])
	if reason != "" {
		return fail(PartActions, last+1+offset, reason)
	}
	return Scope{Type: typ, Name: name, Actions: actions}, nil
}

// parseType checks a resource type and removes its class. A reason says that it is malformed, at offset.
func parseType(s string) (typ string, offset int, reason string) {
	typ, class, hasClass := strings.Cut(s, "(")
	if offset, reason := checkTypeName(typ); reason != "" {
		return "", offset, reason
	}
	if !hasClass {
		return typ, 0, ""
	}
	open := len(typ) + 1
	class, closed := strings.CutSuffix(class, ")")
	switch i := strings.IndexFunc(class, notAlphanumeric); {
	case i >= 0:
		return "", open + i, unexpected(class[i:])
	case !closed:
		return "", len(s), "no closing parenthesis after the resource class"
	case class == "":
		return "", open, "empty resource class"
	}
	return typ, 0, ""
}

func checkTypeName(typ string) (offset int, reason string) {
	if typ == "" {
		return 0, "empty resource type"
	}
	for i, r := range typ {
		atEdge := i == 0 || i == len(typ)-1
		switch {
		case r == '-' && !atEdge && typ[i-1] != '-':
		case notAlphanumeric(r):
			return i, unexpected(typ[i:])
		}
	}
	return 0, ""
}

func parseActions(s string) (actions []string, offset int, reason string) {
	actions = make([]string, 0, min(strings.Count(s, ",")+1, MaxActions))
	for action := range strings.SplitSeq(s, ",") {
		if i := strings.IndexFunc(action, notLowerCase); i >= 0 && action != ActionAll {
			return nil, offset + i, unexpected(action[i:])
		}
		// Each is kept once, and no more than show that there are too many: a scope may hold hundreds.
		if action != "" && len(actions) <= MaxActions && !slices.Contains(actions, action) {
			actions = append(actions, action)
		}
		offset += len(action) + len(",")
	}
	if len(actions) > MaxActions {
		return nil, 0, fmt.Sprintf("more than %d actions", MaxActions)
	}
	slices.Sort(actions)
	return actions, 0, ""
}

func notLowerCase(r rune) bool { return r < 'a' || r > 'z' }

func notAlphanumeric(r rune) bool { return notLowerCase(r) && (r < '0' || r > '9') }
