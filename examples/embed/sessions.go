package main

import (
	"context"
	"net/http"

	"github.com/berthpass/registry-auth/authn"
)

// A cookie is what authn.Request.Other has for people who are logged in to the portal.
type cookie authn.Secret

// readCookie is the auth.Config.Credentials of the portal.
func readCookie(r *http.Request) (authn.Request, bool) {
	c, err := r.Cookie("portal_session")
	if err != nil {
		return authn.Request{}, false // no session: HTTP Basic, or nobody
	}
	return authn.Request{Other: cookie(c.Value)}, true
}

// loggedIn finds the user of a session.
func (p *portal) loggedIn(_ context.Context, r authn.Request) (authn.Subject, error) {
	secret, isCookie := r.Other.(cookie)
	if !isCookie {
		return authn.Subject{}, authn.ErrNoMatch
	}
	row, found := find(p, p.sessions, hashOf(string(secret)))
	owner, exists := find(p, p.users, row.user)
	if !found || !exists {
		return authn.Subject{}, authn.ErrRejected
	}
	return authn.Subject{Name: owner.name, ValidUntil: row.expires, Data: owner}, nil
}
