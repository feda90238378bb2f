package main

import (
	"context"
	"net/http"

	"github.com/berthpass/registry-auth/authn"
)

// A cookie is what authn.Request.Other has for people who are logged in to the portal.
type cookie struct{ authn.Secret }

// readCookie is the auth.Config.Credentials of the portal.
func readCookie(r *http.Request) (authn.Request, bool) {
	c, err := r.Cookie("portal_session")
	if err != nil {
		return authn.Request{}, false // no session: HTTP Basic, or nobody
	}
	return authn.Request{Other: cookie{authn.Secret(c.Value)}}, true
}

// loggedIn are the people with a session, which the portal stores under the hash of its cookie.
func (p *portal) loggedIn() authn.Authenticator {
	split := func(r authn.Request) (id string, secret authn.Secret, ok bool) {
		c, ok := r.Other.(cookie)
		return authn.HashToken(c.Secret), c.Secret, ok
	}
	find := func(ctx context.Context, hash string) (authn.Subject, string, error) {
		found, owner, err := p.sessionOf(ctx, hash)
		return authn.Subject{
			Name: owner.name, ValidUntil: found.expires, Data: teams(owner.teams),
		}, hash, err
	}
	return authn.Tokens(split, find)
}
