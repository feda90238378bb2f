package scope

import (
	"slices"
	"strings"
)

// The actions that registries check. Parse accepts others, whose meaning the policy defines.
const (
	ActionPull   = "pull"
	ActionPush   = "push"
	ActionDelete = "delete"
	// ActionAll is the literal "*". Distribution treats it as every action; zot compares it
	// literally.
	ActionAll = "*"
)

// The resource types of the specification.
const (
	TypeRepository = "repository"
	TypeRegistry   = "registry"
)

// A Scope names a resource and actions on it. A client requests scopes, a policy decides on them,
// and a token grants them. The JSON form is that of the token's "access" claim.
type Scope struct {
	// Type is the resource type, such as "repository" or "registry", without the deprecated class.
	Type string `json:"type"`
	// Name is the full path of a repository, or "catalog" for the type "registry".
	Name string `json:"name"`
	// Actions are sorted, unique and not nil in every Scope that this package returns without an
	// error.
	Actions []string `json:"actions"`
}

// String returns the scope in the form that [Parse] accepts. It does not validate s.
func (s Scope) String() string {
	return s.Type + ":" + s.Name + ":" + strings.Join(s.Actions, ",")
}

// Equal reports whether s and t name the same resource and the same actions in the same order.
func (s Scope) Equal(t Scope) bool {
	return s.SameResource(t) && slices.Equal(s.Actions, t.Actions)
}

// SameResource reports whether s and t have the same type and name.
func (s Scope) SameResource(t Scope) bool {
	return s.Type == t.Type && s.Name == t.Name
}

// IsCatalog reports whether the scope is about the list of all repositories: registry:catalog, or
// the type repository with an empty name, which zot uses. A policy for repositories must not match
// the latter.
func (s Scope) IsCatalog() bool {
	return s.Type == TypeRegistry && s.Name == "catalog" || s.Type == TypeRepository && s.Name == ""
}

// Has reports whether action is one of the scope's actions. "*" is compared like any other.
func (s Scope) Has(action string) bool {
	return slices.Contains(s.Actions, action)
}

// Intersect returns the scope with only the actions that are also in allowed. Actions are compared
// exactly: an allowed "*" keeps a requested "*" and nothing else. The result shares no memory with
// s or allowed.
func (s Scope) Intersect(allowed []string) Scope {
	kept := make([]string, 0, len(s.Actions))
	for _, action := range s.Actions {
		if slices.Contains(allowed, action) {
			kept = append(kept, action)
		}
	}
	return Scope{Type: s.Type, Name: s.Name, Actions: sortedUnique(kept)}
}

// Merge returns one scope for each resource in list, in the order of first mention. Each result has
// the actions of all scopes of its resource. The results share no memory with list.
func Merge(list []Scope) []Scope {
	type resource struct{ typ, name string }
	merged := make([]Scope, 0, len(list))
	index := make(map[resource]int, len(list))
	for _, s := range list {
		key := resource{s.Type, s.Name}
		i, seen := index[key]
		if !seen {
			i = len(merged)
			index[key] = i
			merged = append(merged, Scope{Type: s.Type, Name: s.Name, Actions: []string{}})
		}
		merged[i].Actions = append(merged[i].Actions, s.Actions...)
	}
	for i := range merged {
		merged[i].Actions = sortedUnique(merged[i].Actions)
	}
	return merged
}

// Format returns the scopes as a list separated by spaces, the form of the OAuth2 "scope" parameter
// (RFC 6749, section 3.3) that [ParseList] accepts. It does not validate them.
func Format(list []Scope) string {
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = s.String()
	}
	return strings.Join(texts, " ")
}

// sortedUnique sorts actions and removes duplicates, in place.
func sortedUnique(actions []string) []string {
	slices.Sort(actions)
	return slices.Compact(actions)
}
