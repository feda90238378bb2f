package main

import (
	"context"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/jwt"
	"github.com/berthpass/registry-auth/token"
)

// jwts are ID tokens of an identity provider, sent as passwords. Any user name will do.
func jwts(issuer string) (authn.Authenticator, error) {
	return jwt.New(jwt.Config{
		Issuer: issuer, Audience: "registry.example.com",
		Subject: func(_ context.Context, c token.Claims) (authn.Subject, error) {
			// An email address can be somebody else's tomorrow; sub never is.
			return authn.Subject{Name: "idp/" + c.Subject, Data: c.Extra}, nil
		},
	})
}

// exchanged is the subject of a token of this server that is exchanged for another one.
func exchanged(c token.Claims) authn.Subject {
	return authn.Subject{
		Name: c.Subject, ValidUntil: c.ExpiresAt, Limit: &authn.Limit{Scopes: c.Access},
		Data: c.Extra,
	}
}
