package main

import (
	"context"
	"strings"

	"github.com/berthpass/registry-auth/authn"
)

// programs log in with API keys: "key_", the ID, a dot and a secret. Any user name will do.
func (p *portal) programs() authn.Authenticator {
	split := func(r authn.Request) (id string, secret authn.Secret, ok bool) {
		id, text, _ := strings.Cut(string(r.Password), ".")
		return id, authn.Secret(text), strings.HasPrefix(id, "key_")
	}
	find := func(ctx context.Context, id string) (authn.Subject, string, error) {
		key, err := row(ctx, p, p.apiKeys, id)
		return authn.Subject{
			Name: "robot/" + key.team, Kind: authn.KindServiceAccount, Data: teams{key.team},
		}, key.secretHash, err
	}
	return authn.Tokens(split, find)
}
