package main

import (
	"context"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
)

// passwords are the users of the portal with their passwords.
func (p *portal) passwords() authn.Authenticator {
	find := func(_ context.Context, name string) (authn.Subject, authn.Secret, error) {
		row, found := find(p, p.users, name)
		if !found {
			return authn.Subject{}, "", authn.ErrNoMatch
		}
		return authn.Subject{Name: row.name, Data: row}, row.passwordHash, nil
	}
	return password.Source(find, password.SourceConfig{})
}
