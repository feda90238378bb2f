package main

import (
	"context"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
)

// passwords are the users of the portal with their passwords.
func (p *portal) passwords() authn.Authenticator {
	find := func(ctx context.Context, name string) (authn.Subject, authn.Secret, error) {
		found, err := row(ctx, p, p.users, name)
		return authn.Subject{Name: found.name, Data: teams(found.teams)}, found.passwordHash, err
	}
	return password.Source(find, password.SourceConfig{})
}
