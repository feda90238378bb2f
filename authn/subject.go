package authn

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/scope"
)

// A Kind tells people from programs. Its numbers never change. JSON has the text of MarshalText.
type Kind uint8

// The kinds of subjects.
const (
	KindUser           Kind = 0 // the default: a person, or an account that acts for one
	KindServiceAccount Kind = 1 // a program: a CI job, a robot, a cluster
)

// String returns "user" or "service account", for people to read.
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

// A Subject is an authenticated user or service account, or the anonymous one, which has no name.
// Neither the code that receives a Subject nor its source may change its Labels or Limit, which may
// be shared.
type Subject struct {
	// Name is the canonical name from the source of users, not the one that the client typed.
	// Policies compare it exactly, and it is the "sub" claim of the token.
	Name string `json:"name"`
	// Kind matters to policies. Keep names unique across kinds: the token has only the name.
	Kind Kind `json:"kind"`
	// Labels are other facts that the source knows, such as {"group": {"devs", "ops"}}.
	Labels map[string][]string `json:"labels,omitempty"`
	// Stamp identifies the credentials. It changes when earlier logins must no longer count: with a
	// new password, or a new account under an old name. No two credentials of a name may share one,
	// or a token gets the rights of the password. Caches and refresh tokens store and compare it;
	// if it is empty, nothing is remembered. It contains no secret. JSON omits it: store it
	// separately.
	Stamp string `json:"-"`
	// ValidUntil is when the credentials end, such as the exp of a JWT; the zero time is no end.
	// From then on the token server refuses the subject, [Confirm] rejects it, and nothing of it is
	// remembered. A source should return ErrRejected itself, or a throttle counts a success.
	ValidUntil time.Time `json:"-"`
	// Data is what the source knows in types of its own, for an authorizer of your own. It is never
	// stored: each Authenticate, Lookup and Confirm returns it again. Nothing compares it. So
	// rights that differ between credentials of one name belong in Limit or Labels: in Data,
	// nobody notices a Confirm that returns those of another credential.
	Data any `json:"-"`
	// Limit restricts the subject to what its credentials allow, such as a personal token for one
	// repository. The token server applies it after any authorizer. Nil is no limit.
	Limit *Limit `json:"limit,omitempty"`
}

// Anonymous reports whether s is the anonymous subject.
func (s Subject) Anonymous() bool { return s.Name == "" }

// Equal reports whether all fields but Data are equal: labels with their values in the same order,
// times as instants.
func (s Subject) Equal(t Subject) bool {
	return s.Name == t.Name && s.Kind == t.Kind && s.Stamp == t.Stamp &&
		maps.EqualFunc(s.Labels, t.Labels, slices.Equal) &&
		s.Limit.Equal(t.Limit) && s.ValidUntil.Equal(t.ValidUntil)
}

// A Limit is the most that some credentials allow. The zero Limit allows nothing.
type Limit struct {
	// Scopes are the allowed scopes, which add up. The Name "*" covers every name but the empty one
	// of zot's catalog. One that ends in "/*" covers every name below that path: "team/*" covers
	// team/app and team/a/b, but not team and teams/app. Other names, and types and actions even if
	// they are "*", are compared exactly. So {Type: "repository", Name: "*", Actions: {"pull"}}
	// makes a token that can only pull, whatever its owner may do.
	Scopes []scope.Scope `json:"scopes"`
}

// Allow returns the scope with those of its actions that the limit allows. A nil Limit allows all.
func (l *Limit) Allow(s scope.Scope) scope.Scope {
	if l == nil {
		return s
	}
	var allowed []string
	for _, entry := range l.Scopes {
		if entry.Type == s.Type && covers(entry.Name, s.Name) {
			allowed = append(allowed, entry.Actions...)
		}
	}
	return s.Intersect(allowed)
}

func covers(pattern, name string) bool {
	path, isPath := strings.CutSuffix(pattern, "/*")
	return pattern == name || isPath && strings.HasPrefix(name, path+"/") ||
		pattern == "*" && name != ""
}

// Equal reports whether both limits have the same scopes in the same order. A nil Limit equals
// only another nil Limit.
func (l *Limit) Equal(m *Limit) bool {
	if l == nil || m == nil {
		return l == m
	}
	return slices.EqualFunc(l.Scopes, m.Scopes, scope.Scope.Equal)
}
