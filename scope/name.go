package scope

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/distribution/reference"
)

// checkName checks a resource name. An empty reason means that it is well-formed; otherwise offset is where it is not.
func checkName(typ, name string) (offset int, reason string) {
	switch {
	case name == "" && typ == TypeRepository:
		return 0, "" // zot's catalog, see IsCatalog
	case name == "":
		return 0, "empty resource name"
	case len(name) > MaxNameLength:
		return MaxNameLength, fmt.Sprintf("the name is longer than %d bytes", MaxNameLength)
	}
	if isPlain(name) {
		return 0, ""
	}
	if i := strings.IndexFunc(name, outsideNames); i >= 0 {
		return i, unexpected(name[i:])
	}
	if _, err := reference.WithName(name); err != nil {
		return locate(name)
	}
	return 0, ""
}

// isPlain reports names of which the grammar allows every single one: letters and digits, with one separator between. Nearly all
// real names are such, and the regular expression for the others takes a microsecond and memory.
func isPlain(name string) bool {
	separated := true
	for _, r := range name {
		switch {
		case !notAlphanumeric(r):
			separated = false
		case !separated && strings.ContainsRune("/._-", r):
			separated = true
		default:
			return false
		}
	}
	return !separated
}

// outsideNames reports the characters that no name contains. It is stricter than distribution/reference, which allows
// upper case and IPv6 literals in a host: registries use neither in a repository, and to a policy they are look-alikes.
func outsideNames(r rune) bool {
	return notAlphanumeric(r) && !strings.ContainsRune("/._-:", r)
}

// locate finds the place at which a name of allowed characters breaks the grammar, to tell a person about it. That it is
// broken was decided by distribution/reference.
func locate(name string) (offset int, reason string) {
	for component := range strings.SplitSeq(name, "/") {
		if component == "" {
			return offset, "empty path component"
		}
		if i, reason := locateInComponent(component, offset == 0); reason != "" {
			return offset + i, reason
		}
		offset += len(component) + len("/")
	}
	return 0, "not a repository name"
}

func locateInComponent(component string, first bool) (offset int, reason string) {
	if i := strings.IndexByte(component, ':'); i >= 0 {
		if first {
			return i, "a colon is for the port of a host that a repository follows"
		}
		return i, "a colon is allowed only in the host, before the first slash"
	}
	for i := 0; i < len(component); {
		end := i
		for end < len(component) && notAlphanumeric(rune(component[end])) {
			end++
		}
		if separator := component[i:end]; separator != "" {
			if i == 0 || end == len(component) {
				return i, "a path component begins and ends with a letter or a digit"
			}
			if !isSeparator(separator) {
				return i, "not a separator: " + strconv.Quote(separator)
			}
		}
		i = end + 1
	}
	return 0, ""
}

func isSeparator(s string) bool {
	return s == "." || s == "_" || s == "__" || strings.Trim(s, "-") == ""
}

// unexpected describes the first character of s, in ASCII, so that look-alikes and control characters show.
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
