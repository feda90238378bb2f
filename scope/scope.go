package scope

import (
	"slices"
	"strings"
)

// The actions that registries check. Others parse as well: what an action means is for the registry and the policy to
// say.
const (
	ActionPull   = "pull"
	ActionPush   = "push"
	ActionDelete = "delete"
	// ActionAll is the literal "*". Distribution takes it as every action on the resource, zot compares it literally.
	ActionAll = "*"
)

// The resource types that the specification knows.
const (
	TypeRepository = "repository"
	TypeRegistry   = "registry"
)

// A Scope names a resource and actions on it. It is what a client asks for, what a policy is asked about and, as an
// element of the "access" claim, what a token grants; its JSON form is that claim's.
//
// [Parse] makes well-formed ones. A Scope is plain data: it may be copied, and used by several goroutines as long as
// none of them changes Actions.
type Scope struct {
	// Type is the resource type, such as "repository" or "registry", without the deprecated class.
	Type string `json:"type"`
	// Name is the resource's name: a repository with all of its components, or "catalog" for the type "registry".
	Name string `json:"name"`
	// Actions are sorted and unique in every Scope that this package returns.
	Actions []string `json:"actions"`
}

// String returns the scope in the form that [Parse] reads.
func (s Scope) String() string {
	return Format([]Scope{s})
}

// Equal reports whether s and t name the same resource and the same actions in the same order.
func (s Scope) Equal(t Scope) bool {
	return s.SameResource(t) && slices.Equal(s.Actions, t.Actions)
}

// SameResource reports whether s and t are about the same resource, whatever the actions.
func (s Scope) SameResource(t Scope) bool {
	return s.Type == t.Type && s.Name == t.Name
}

// IsCatalog reports whether the scope is about the list of all repositories: registry:catalog, or zot's form of it, the
// type repository with an empty name. A repository policy must never match the latter; since no repository has an empty
// name, granting it gives no repository away.
func (s Scope) IsCatalog() bool {
	return s.Type == TypeRegistry && s.Name == "catalog" || s.Type == TypeRepository && s.Name == ""
}

// Has reports whether action is among the scope's actions. It is an exact comparison: "*" is not a pattern.
func (s Scope) Has(action string) bool {
	return slices.Contains(s.Actions, action)
}

// Intersect returns the scope with those of its actions that are also in allowed. Actions are compared exactly: an
// allowed "*" keeps a requested "*" and nothing else. The result shares no memory with s or allowed; where nothing is
// left, Actions is empty and not nil.
func (s Scope) Intersect(allowed []string) Scope {
	kept := make([]string, 0, len(s.Actions))
	for _, action := range s.Actions {
		if slices.Contains(allowed, action) {
			kept = append(kept, action)
		}
	}
	return Scope{Type: s.Type, Name: s.Name, Actions: normalizeActions(kept)}
}

// Merge returns one scope for each resource in list, in the order of first mention, with the actions of all scopes of
// that resource, sorted and unique. The result shares no memory with list.
func Merge(list []Scope) []Scope {
	if len(list) == 1 {
		actions := append(make([]string, 0, len(list[0].Actions)), list[0].Actions...)
		return []Scope{{Type: list[0].Type, Name: list[0].Name, Actions: normalizeActions(actions)}}
	}
	type resource struct{ typ, name string }
	merged := make([]Scope, 0, len(list))
	index := make(map[resource]int, len(list))
	for _, s := range list {
		r := resource{s.Type, s.Name}
		i, seen := index[r]
		if !seen {
			i = len(merged)
			index[r] = i
			merged = append(merged, Scope{Type: s.Type, Name: s.Name, Actions: make([]string, 0, len(s.Actions))})
		}
		merged[i].Actions = append(merged[i].Actions, s.Actions...)
	}
	for i := range merged {
		merged[i].Actions = normalizeActions(merged[i].Actions)
	}
	return merged
}

// Format returns the scopes as one space-separated list, the form of the OAuth2 "scope" parameter (RFC 6749, section
// 3.3). It is what [ParseList] reads.
func Format(list []Scope) string {
	size := 0
	for _, s := range list {
		size += len(s.Type) + len(s.Name) + len("::") + len(" ")
		for _, action := range s.Actions {
			size += len(action) + len(",")
		}
	}
	var b strings.Builder
	b.Grow(size)
	for i, s := range list {
		if i > 0 {
			b.WriteByte(' ')
		}
		s.write(&b)
	}
	return b.String()
}

func (s Scope) write(b *strings.Builder) {
	b.WriteString(s.Type)
	b.WriteByte(':')
	b.WriteString(s.Name)
	b.WriteByte(':')
	for i, action := range s.Actions {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(action)
	}
}

// normalizeActions sorts actions and removes duplicates, in place.
func normalizeActions(actions []string) []string {
	slices.Sort(actions)
	return slices.Compact(actions)
}
