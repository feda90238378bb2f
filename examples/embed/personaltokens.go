package main

import (
	"context"
	"strings"

	"github.com/berthpass/registry-auth/authn"
)

// personalTokens are passwords that users make for their programs: "pat_", the ID, a dot and a
// secret. A token has at most the rights of its owner.
type personalTokens struct{ *portal }

func (t personalTokens) Authenticate(_ context.Context, r authn.Request) (authn.Subject, error) {
	id, secret, _ := strings.Cut(string(r.Password), ".")
	if !strings.HasPrefix(id, "pat_") {
		return authn.Subject{}, authn.ErrNoMatch
	}
	row, found := find(t.portal, t.tokens, id)
	if !found || hashOf(secret) != row.secretHash || r.Username != row.owner {
		return authn.Subject{}, authn.ErrRejected
	}
	return t.subject(id)
}

// Confirm finds the token by the Stamp, so that it never gets the rights of its owner.
func (t personalTokens) Confirm(
	_ context.Context, remembered authn.Subject,
) (authn.Subject, error) {
	if !strings.HasPrefix(remembered.Stamp, "pat_") {
		return authn.Subject{}, authn.ErrNoMatch // a subject of another source
	}
	return t.subject(remembered.Stamp)
}

func (t personalTokens) subject(id string) (authn.Subject, error) {
	row, found := find(t.portal, t.tokens, id)
	owner, exists := find(t.portal, t.users, row.owner)
	if !found || !exists {
		return authn.Subject{}, authn.ErrRejected
	}
	return authn.Subject{Name: owner.name, Stamp: id, Limit: row.limit, Data: owner}, nil
}
