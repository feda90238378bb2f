package scope

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/distribution/reference"
)

// checkName returns why a resource name is malformed, or "".
func checkName(typ, name string) (reason string) {
	switch {
	case name == "" && typ == TypeRepository:
		return "" // zot's catalog, see IsCatalog
	case name == "":
		return "empty name"
	case len(name) > maxNameLength:
		return fmt.Sprintf("the name is longer than %d bytes", maxNameLength)
	case misplaced(name, "/._-", notAlphanumeric) < 0:
		// All such names are valid, and nearly all real names are such. This check is 10
		// times as fast as the regular expression of distribution/reference.
		return ""
	}
	if i := strings.IndexFunc(name, notInName); i >= 0 {
		return unexpected(name[i:]) + " in the name"
	}
	if _, err := reference.WithName(name); err != nil {
		return "the name is not a valid repository name"
	}
	return ""
}

// misplaced checks that s consists of words with a single separator between two of them. It returns
// the index of the first character that is in the wrong place, or -1. An empty s has none.
func misplaced(s, separators string, notInWord func(rune) bool) int {
	separated := true
	for i, r := range s {
		switch {
		case !notInWord(r):
			separated = false
		case !separated && strings.ContainsRune(separators, r):
			separated = true
		default:
			return i
		}
	}
	if separated {
		return len(s) - 1
	}
	return -1
}

// notInName reports whether no name contains r. It is stricter than distribution/reference, which
// allows upper case and IPv6 literals in a host. Registries use neither in a repository name, and a
// policy could take them for another name.
func notInName(r rune) bool {
	return notAlphanumeric(r) && !strings.ContainsRune("/._-:", r)
}

// unexpected describes the first character of s in ASCII, so that look-alikes and control
// characters are visible.
func unexpected(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case r == utf8.RuneError && size <= 1:
		return "invalid UTF-8"
	case r >= 'A' && r <= 'Z':
		return "upper case " + strconv.QuoteRuneToASCII(r)
	default:
		return "unexpected character " + strconv.QuoteRuneToASCII(r)
	}
}
