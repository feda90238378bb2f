package main

import (
	"context"
	"strings"

	"github.com/berthpass/registry-auth/authn"
)

// personalTokens are passwords that users make for their programs: "pat_", the ID, a dot and a
// secret. A token has at most the rights of its owner, and belongs to the owner's user name.
func (p *portal) personalTokens() authn.Authenticator {
	split := func(r authn.Request) (id string, secret authn.Secret, ok bool) {
		id, text, _ := strings.Cut(string(r.Password), ".")
		return r.Username + ":" + id, authn.Secret(text), strings.HasPrefix(id, "pat_")
	}
	find := func(ctx context.Context, id string) (authn.Subject, string, error) {
		name, id, _ := strings.Cut(id, ":")
		found, owner, err := p.tokenOf(ctx, id)
		if err == nil && name != owner.name {
			err = authn.ErrRejected
		}
		return authn.Subject{
			Name: owner.name, Limit: found.limit, Data: teams(owner.teams),
		}, found.secretHash, err
	}
	return authn.Tokens(split, find)
}
