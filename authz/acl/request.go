package acl

import (
	"net/netip"
	"strings"

	"github.com/distribution/reference"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

// A field is a kind of condition.
type field uint8

const (
	fieldAccount field = iota
	fieldType
	fieldService
	fieldName
	fieldLabels
	fieldIP
	fieldRequireAccount

	// fieldCount is the number of fields with a single pattern.
	fieldCount = fieldLabels
)

func (f field) String() string {
	return [...]string{"account", "type", "service", "name", "labels", "ip", "require_account"}[f]
}

// An attribute is the part of a request that a condition is about.
type attribute struct {
	field field
	label string // of fieldLabels
}

// key returns the key of a rule for a condition on the attribute.
func (a attribute) key() string {
	switch a.field {
	case fieldLabels:
		return "match.labels." + a.label
	case fieldRequireAccount:
		return a.field.String()
	default:
		return "match." + a.field.String()
	}
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

// values returns the values that patterns for an attribute are compared with.
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
	const characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/"
	if len(s) > reference.RepositoryNameTotalLengthMax || strings.Trim(s, characters) != "" {
		return false
	}
	for component := range strings.SplitSeq(s, "/") {
		if component == "" || component == "." || component == ".." {
			return false
		}
	}
	return true
}
