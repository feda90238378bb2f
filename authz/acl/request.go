package acl

import (
	"net/netip"
	"strings"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

// A field is one of the fields of a match that hold a pattern.
type field uint8

const (
	fieldAccount field = iota
	fieldType
	fieldService
	fieldName
	fieldCount

	// fieldLabels holds several patterns. Only an attribute names it.
	fieldLabels = fieldCount
)

func (f field) String() string {
	return [...]string{"account", "type", "service", "name", "labels"}[f]
}

// An attribute of a request is compared with patterns: a field, or the label of fieldLabels.
type attribute struct {
	field field
	label string
}

// A request is an authz.Request in the form that rules are compared with.
type request struct {
	// fields has one value per field, or none if no condition on the field may hold.
	fields    [fieldCount][]string
	labels    map[string][]string
	addr      netip.Addr
	anonymous bool
}

func newRequest(r authz.Request) *request {
	values := [fieldCount]string{
		fieldAccount: r.Subject.Name,
		fieldType:    r.Scope.Type,
		fieldService: r.Service,
		fieldName:    r.Scope.Name,
	}
	if isZotCatalog(r.Scope) {
		values[fieldType], values[fieldName] = scope.TypeRegistry, "catalog"
	}
	q := &request{
		labels:    r.Subject.Labels,
		addr:      r.RemoteAddr.Unmap().WithZone(""),
		anonymous: r.Subject.Anonymous(),
	}
	for f := range fieldCount {
		q.fields[f] = values[f : f+1]
	}
	if !q.anonymous && r.Subject.Kind != authn.KindUser {
		q.fields[fieldAccount] = nil // a service account may have a user's name
	}
	return q
}

// values returns the values of an attribute.
func (q *request) values(of attribute) []string {
	if of.field == fieldLabels {
		return q.labels[of.label]
	}
	return q.fields[of.field]
}

// isZotCatalog reports whether s is the scope that zot requests instead of registry:catalog:*.
func isZotCatalog(s scope.Scope) bool { return s.IsCatalog() && s.Type == scope.TypeRepository }

// isName reports whether s can be the name of a resource. It is laxer than the scope grammar, which
// has no upper case. It excludes names that patterns and registries may read differently: empty,
// "." and ".." components, control characters, non-ASCII characters and names that are too long.
func isName(s string) bool {
	if len(s) > scope.MaxNameLength {
		return false
	}
	for component := range strings.SplitSeq(s, "/") {
		switch component {
		case "", ".", "..":
			return false
		}
		for i := range len(component) {
			if !isNameByte(component[i]) {
				return false
			}
		}
	}
	return true
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		strings.IndexByte("._-:", c) >= 0
}
