package authn_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
)

// A personalToken is a row of a table. Its secret was shown once, to its owner.
type personalToken struct {
	owner, secretHash string
	limit             *authn.Limit
}

// Personal tokens such as pat_7.4zqpx3…, with fewer rights than their owner. In front of the
// passwords in a Chain they keep their limit: authn.Chain(tokens, passwords).
func ExampleTokens() {
	readOnly := &authn.Limit{Scopes: []scope.Scope{
		{Type: "repository", Name: "*", Actions: []string{"pull"}},
	}}
	table := map[string]personalToken{
		"pat_7": {owner: "alice", secretHash: authn.HashToken("4zqpx3…"), limit: readOnly},
	}
	tokens := authn.Tokens(
		func(r authn.Request) (id string, secret authn.Secret, ok bool) {
			id, text, _ := strings.Cut(string(r.Password), ".")
			return id, authn.Secret(text), strings.HasPrefix(id, "pat_")
		},
		func(_ context.Context, id string) (authn.Subject, string, error) {
			row, found := table[id]
			if !found {
				return authn.Subject{}, "", authn.ErrNoMatch
			}
			return authn.Subject{Name: row.owner, Limit: row.limit}, row.secretHash, nil
		},
	)

	login := authn.Request{Username: "any", Password: "pat_7.4zqpx3…"}
	subject, err := tokens.Authenticate(context.Background(), login)
	if err != nil {
		fmt.Println(err)
		return
	}
	asked := scope.Scope{Type: "repository", Name: "team/app", Actions: []string{"pull", "push"}}
	fmt.Println(subject.Name, "may at most", subject.Limit.Allow(asked).Actions)

	delete(table, "pat_7") // a refresh token of the login ends too
	_, err = authn.Confirm(context.Background(), tokens, subject)
	fmt.Println(err)
	// Output:
	// alice may at most [pull]
	// no match
}
