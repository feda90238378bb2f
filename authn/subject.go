package authn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/scope"
)

// A Kind says what sort of subject somebody is. Its numbers may be stored.
type Kind uint8

const (
	// KindUser is a person, or an account that acts for one. It is the zero value.
	KindUser Kind = 0
	// KindServiceAccount is an account of a program: a CI job, a robot, a cluster.
	KindServiceAccount Kind = 1
)

// String returns "user" or "service account".
func (k Kind) String() string {
	switch k {
	case KindUser:
		return "user"
	case KindServiceAccount:
		return "service account"
	default:
		return fmt.Sprintf("kind %d", uint8(k))
	}
}

// A Subject is who asks: an authenticated user or service account, or the anonymous subject, which
// is the zero value. It is plain data. Code that receives a Subject must not change its Labels or
// its Limit, which may be shared with the source of users.
type Subject struct {
	// Name is the canonical name, as the source of users has it; policies compare it exactly, and
	// it becomes the "sub" claim of the token. A subject without a name is anonymous.
	Name string `json:"name"`
	// Kind tells people from service accounts. A service account and a user may have the same
	// name, so a policy that grants something to a name must look at both.
	Kind Kind `json:"kind"`
	// Labels are further facts that the source of users knows, such as groups:
	// {"group": {"devs", "ops"}}.
	Labels map[string][]string `json:"labels,omitempty"`
	// Stamp changes whenever earlier proofs of this subject must no longer count: a new password,
	// an account created again under an old name, another source of users. It is opaque and holds
	// no secret. Caches and refresh tokens keep it and compare it; a source that has nothing to
	// derive it from leaves it empty.
	Stamp string `json:"-"`
	// Limit narrows what the subject may do with the credential that it presented, such as a
	// personal token for one repository. Nil is no limit. The token server applies it after any
	// authorizer.
	Limit *Limit `json:"limit,omitempty"`
}

// Anonymous reports whether s is the anonymous subject.
func (s Subject) Anonymous() bool { return s.Name == "" }

// A Limit is the most that a credential is good for, whatever its subject may do. The zero Limit
// allows nothing.
type Limit struct {
	// Scopes are what remains allowed. A Name is compared exactly, unless it ends in "/*", which
	// stands for every name below the path before it: "team/*" covers team/app and team/a/b, and
	// neither team nor teams/app. Actions are compared exactly.
	Scopes []scope.Scope `json:"scopes"`
}

// Allow returns the scope with those of its actions that the limit allows. A nil Limit allows all.
func (l *Limit) Allow(s scope.Scope) scope.Scope {
	if l == nil {
		return s
	}
	var allowed []string
	for _, entry := range l.Scopes {
		if entry.Type == s.Type && nameMatches(entry.Name, s.Name) {
			allowed = append(allowed, entry.Actions...)
		}
	}
	return s.Intersect(allowed)
}

func nameMatches(pattern, name string) bool {
	prefix, below := strings.CutSuffix(pattern, "*")
	if !below || !strings.HasSuffix(prefix, "/") {
		return pattern == name
	}
	return strings.HasPrefix(name, prefix) && len(name) > len(prefix)
}

// Equal reports whether both limits have the same scopes in the same order. A nil Limit equals only
// another nil Limit.
func (l *Limit) Equal(m *Limit) bool {
	if l == nil || m == nil {
		return l == m
	}
	return slices.EqualFunc(l.Scopes, m.Scopes, scope.Scope.Equal)
}
