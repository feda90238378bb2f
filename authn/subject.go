package authn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/scope"
)

// A Kind tells people from programs. Its numbers may be stored: they never change.
type Kind uint8

// The kinds of subjects.
const (
	KindUser           Kind = 0 // a person, or an account that acts for one
	KindServiceAccount Kind = 1 // a program: a CI job, a robot, a cluster
)

// String returns "user" or "service account".
func (k Kind) String() string {
	if k > KindServiceAccount {
		return fmt.Sprintf("kind %d", uint8(k))
	}
	return [...]string{"user", "service account"}[k]
}

// MarshalText returns "user" or "service_account", which is the form in JSON.
func (k Kind) MarshalText() ([]byte, error) {
	if k > KindServiceAccount {
		return nil, fmt.Errorf("unknown %v of subject", k)
	}
	return []byte(strings.ReplaceAll(k.String(), " ", "_")), nil
}

// UnmarshalText accepts what MarshalText returns.
func (k *Kind) UnmarshalText(text []byte) error {
	kind := slices.Index([]string{"user", "service_account"}, string(text))
	if kind < 0 {
		return fmt.Errorf("unknown kind of subject %+q", text)
	}
	*k = Kind(kind) //nolint:gosec // 0 or 1
	return nil
}

// A Subject is an authenticated user or service account, or the anonymous subject, which is the
// zero value. It is plain data. Code that receives a Subject must not change its Labels and its
// Limit, which it may share with the source of users.
type Subject struct {
	// Name is the canonical name, as the source of users spells it. Policies compare it exactly,
	// and it is the "sub" claim of the token. A subject without a name is anonymous.
	Name string `json:"name"`
	// Kind matters to policies: a user and a service account can have the same name.
	Kind Kind `json:"kind"`
	// Labels are other facts that the source knows, such as {"group": {"devs", "ops"}}.
	Labels map[string][]string `json:"labels,omitempty"`
	// Stamp changes when earlier logins must no longer count: with a new password, or a new
	// account under an old name. Caches and refresh tokens store and compare it. It contains no
	// secret, and is empty if the source has nothing to derive it from.
	Stamp string `json:"-"`
	// Limit restricts the subject to what its credentials allow, such as a personal token for one
	// repository. The token server applies it after any authorizer. Nil is no limit.
	Limit *Limit `json:"limit,omitempty"`
}

// Anonymous reports whether s is the anonymous subject.
func (s Subject) Anonymous() bool { return s.Name == "" }

// A Limit is the most that some credentials allow, whatever their subject may do. The zero Limit
// allows nothing.
type Limit struct {
	// Scopes are the allowed scopes. A Name is compared exactly, unless it ends in "/*" and so
	// covers every name below that path: "team/*" covers team/app and team/a/b, but not team and
	// teams/app. Actions are compared exactly.
	Scopes []scope.Scope `json:"scopes"`
}

// Allow returns the scope with those of its actions that the limit allows. A nil Limit allows all.
func (l *Limit) Allow(s scope.Scope) scope.Scope {
	if l == nil {
		return s
	}
	var allowed []string
	for _, entry := range l.Scopes {
		path, isPattern := strings.CutSuffix(entry.Name, "/*")
		covered := entry.Name == s.Name || isPattern && strings.HasPrefix(s.Name, path+"/")
		if covered && entry.Type == s.Type {
			allowed = append(allowed, entry.Actions...)
		}
	}
	return s.Intersect(allowed)
}

// Equal reports whether both limits have the same scopes in the same order. A nil Limit equals
// only another nil Limit.
func (l *Limit) Equal(m *Limit) bool {
	if l == nil || m == nil {
		return l == m
	}
	return slices.EqualFunc(l.Scopes, m.Scopes, scope.Scope.Equal)
}
