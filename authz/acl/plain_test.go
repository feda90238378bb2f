package acl

import (
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
)

// A plainWalk tries the rules in order, with every combination of label values, and compiles
// nothing in advance. An indexed list must agree with it.
type plainWalk []Rule

// first returns the number of the first rule that matches, or 0.
func (rules plainWalk) first(r authz.Request) int {
	typ, name := r.Scope.Type, r.Scope.Name
	if typ == "repository" && name == "" {
		typ, name = "registry", "catalog"
	}
	if !plainName(name) {
		return 0
	}
	for i, rule := range rules {
		w := plainRequest{r, map[string]string{
			"account": r.Subject.Name, "type": typ, "name": name, "service": r.Service,
		}, rule.Match}
		if w.matches(rule.RequireAccount) {
			return i + 1
		}
	}
	return 0
}

func plainName(s string) bool {
	characters := regexp.MustCompile(`^[a-zA-Z0-9._:-]+$`)
	for component := range strings.SplitSeq(s, "/") {
		if component == "." || component == ".." || !characters.MatchString(component) {
			return false
		}
	}
	return len(s) <= 255
}

type plainRequest struct {
	authz.Request
	values map[string]string
	match  *Match
}

func (w *plainRequest) matches(requireAccount bool) bool {
	m := w.match
	service := w.Subject.Kind != authn.KindUser && w.Subject.Name != ""
	if requireAccount && w.Subject.Name == "" || service && m.Account != nil {
		return false
	}
	for field, pattern := range m.plainPatterns() {
		if pattern != nil && !w.matchesPattern(*pattern, w.values[field]) {
			return false
		}
	}
	for label, pattern := range m.Labels {
		found := false
		for _, value := range w.Subject.Labels[label] {
			found = found || w.matchesPattern(pattern, value)
		}
		if !found {
			return false
		}
	}
	return m.IP == nil || plainContains(*m.IP, w.RemoteAddr.Unmap())
}

func (m *Match) plainPatterns() map[string]*string {
	return map[string]*string{
		"account": m.Account, "type": m.Type, "name": m.Name, "service": m.Service,
	}
}

func plainContains(text string, address netip.Addr) bool {
	if one, err := netip.ParseAddr(text); err == nil {
		return one.Unmap() == address
	}
	prefix, err := netip.ParsePrefix(text)
	return err == nil && prefix.Contains(address)
}

// matchesPattern replaces the first variable by each of its values, and recurses for the others.
func (w *plainRequest) matchesPattern(pattern, s string) bool {
	found := regexp.MustCompile(`\$\{([a-z]+)(?::([^}]*))?\}`).FindStringSubmatchIndex(pattern)
	isRegex := len(pattern) > 2 && pattern[0] == '/' && pattern[len(pattern)-1] == '/'
	if found == nil {
		if !isRegex {
			matched, err := path.Match(pattern, s)
			return err == nil && matched
		}
		matched, err := regexp.MatchString(pattern[1:len(pattern)-1], s)
		return err == nil && matched
	}
	if !isRegex && len(s) > 255 {
		return false
	}
	whole, variable, detail := pattern[found[0]:found[1]], pattern[found[2]:found[3]], ""
	if found[4] >= 0 {
		detail = pattern[found[4]:found[5]]
	}
	// An expression may match without its variable.
	for _, value := range append(slices.Clone(w.lookup(variable, detail)), "") {
		if strings.Contains(value, "${") || value == "" && !isRegex {
			continue
		}
		quoted := plainGlobQuote(value)
		if isRegex {
			quoted = plainRegexQuote(value)
		}
		if w.matchesPattern(strings.ReplaceAll(pattern, whole, quoted), s) {
			return true
		}
	}
	return false
}

func (w *plainRequest) lookup(variable, detail string) []string {
	if variable == "labels" {
		return w.Subject.Labels[detail]
	}
	value := w.values[variable]
	if variable == "account" && (strings.Contains(value, "/") || w.Subject.Kind != authn.KindUser) {
		return nil
	}
	if detail == "" {
		return []string{value}
	}
	expression := w.match.plainPatterns()[variable]
	group, err := strconv.Atoi(detail)
	if expression == nil || len(*expression) < 3 || (*expression)[0] != '/' ||
		strings.Contains(*expression, "${") {
		return nil
	}
	groups := regexp.MustCompile((*expression)[1 : len(*expression)-1]).FindStringSubmatch(value)
	if err != nil || group >= len(groups) {
		return nil
	}
	return []string{groups[group]}
}

func plainRegexQuote(s string) string {
	if s == "" || len(s) > 255 || !utf8.ValidString(s) {
		return `[^\x00-\x{10FFFF}]` // matches nothing
	}
	return "(?:" + regexp.QuoteMeta(s) + ")"
}

func plainGlobQuote(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(s)
}
