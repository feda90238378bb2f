package authn_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
)

// personalTokens are credentials that people make for programs. A token is "pat_", its ID, a dot and
// a secret. It can have fewer rights than its owner.
type personalTokens map[string]personalToken // by ID

type personalToken struct {
	secret, owner string
	limit         *authn.Limit
}

func (p personalTokens) Authenticate(_ context.Context, r authn.Request) (authn.Subject, error) {
	text, isToken := strings.CutPrefix(string(r.Password), "pat_")
	if !isToken {
		return authn.Subject{}, authn.ErrNoMatch // a password, perhaps: ask the next source
	}
	id, secret, _ := strings.Cut(text, ".")
	token, known := p[id]
	if !known || secret != token.secret || r.Username != token.owner { // in a program, compare hashes
		return authn.Subject{}, authn.ErrRejected
	}
	return token.subject(id), nil
}

// Confirm finds the token by its ID, which is its Stamp, and returns what Authenticate would. A
// look-up by name would return the rights of the owner.
func (p personalTokens) Confirm(
	_ context.Context, remembered authn.Subject,
) (authn.Subject, error) {
	id, isToken := strings.CutPrefix(remembered.Stamp, "pat_")
	if !isToken {
		return authn.Subject{}, authn.ErrNoMatch
	}
	token, known := p[id]
	if !known {
		return authn.Subject{}, authn.ErrRejected // revoked
	}
	return token.subject(id), nil
}

func (t personalToken) subject(id string) authn.Subject {
	return authn.Subject{Name: t.owner, Stamp: "pat_" + id, Limit: t.limit}
}

// A personal token with fewer rights than its owner. In front of the passwords in a Chain, and
// behind one Cache, it keeps its limit: authn.Chain(tokens, passwords).
func ExampleConfirmer() {
	pull := scope.Scope{Type: "repository", Name: "alice/*", Actions: []string{"pull"}}
	tokens := personalTokens{
		"7": {secret: "s3cret", owner: "alice", limit: &authn.Limit{Scopes: []scope.Scope{pull}}},
	}
	users := authn.Cache(authn.Chain(tokens), authn.CacheConfig{})

	login := authn.Request{Username: "alice", Password: "pat_7.s3cret"}
	asked := scope.Scope{Type: "repository", Name: "alice/app", Actions: []string{"pull", "push"}}
	for range 2 { // the second one is remembered, and confirmed
		subject, err := users.Authenticate(context.Background(), login)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(subject.Name, "may at most", subject.Limit.Allow(asked).Actions)
	}
	delete(tokens, "7")
	_, err := users.Authenticate(context.Background(), login)
	fmt.Println(err)
	// Output:
	// alice may at most [pull]
	// alice may at most [pull]
	// credentials rejected
}
