package acl

import (
	"net/netip"
	"strings"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

// A field is one of the fields of a match that hold a single pattern.
type field uint8

const (
	fieldAccount field = iota
	fieldType
	fieldService
	fieldName
	fieldCount

	// fieldLabels is not among the single patterns; templates name it.
	fieldLabels
)

func (f field) String() string {
	switch f {
	case fieldAccount:
		return "account"
	case fieldType:
		return "type"
	case fieldService:
		return "service"
	case fieldName:
		return "name"
	default:
		return "labels"
	}
}

// A question is a request as the rules see it.
type question struct {
	values [fieldCount]string
	// known is false for a field that no condition and no template may use.
	known     [fieldCount]bool
	anonymous bool
	labels    map[string][]string
	addr      netip.Addr
}

// newQuestion returns what the rules are asked. Service accounts have no account here, because one may have a user's name.
func newQuestion(r authz.Request) question {
	q := question{
		known:     [fieldCount]bool{true, true, true, true},
		anonymous: r.Subject.Anonymous(),
		labels:    r.Subject.Labels,
		addr:      r.RemoteAddr.Unmap().WithZone(""),
	}
	q.known[fieldAccount] = q.anonymous || r.Subject.Kind == authn.KindUser
	q.values = [fieldCount]string{
		fieldAccount: r.Subject.Name,
		fieldType:    r.Scope.Type,
		fieldService: r.Service,
		fieldName:    r.Scope.Name,
	}
	if isZotCatalog(r.Scope) {
		q.values[fieldType], q.values[fieldName] = scope.TypeRegistry, "catalog"
	}
	return q
}

// isZotCatalog reports whether s is zot's way to ask for registry:catalog:*.
func isZotCatalog(s scope.Scope) bool { return s.IsCatalog() && s.Type == scope.TypeRepository }

// isName reports whether s can be the name of a resource. It is laxer than the scope grammar, which has no upper case, and
// keeps out what patterns would take for something else than the registry: empty, "." and ".." components, control
// characters, look-alikes and names that are too long to compare.
func isName(s string) bool {
	if s == "" || len(s) > scope.MaxNameLength {
		return false
	}
	start := 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != '/' {
			if !isNameByte(s[i]) {
				return false
			}
			continue
		}
		if component := s[start:i]; component == "" || component == "." || component == ".." {
			return false
		}
		start = i + 1
	}
	return true
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._-:", c) >= 0
}
