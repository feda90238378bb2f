package main

import (
	"context"
	"strings"

	"github.com/berthpass/registry-auth/authn"
)

// apiKeys are passwords of programs: "key_", the ID, a dot and a secret. Any user name will do.
type apiKeys struct{ *portal }

func (k apiKeys) Authenticate(_ context.Context, r authn.Request) (authn.Subject, error) {
	id, secret, _ := strings.Cut(string(r.Password), ".")
	if !strings.HasPrefix(id, "key_") {
		return authn.Subject{}, authn.ErrNoMatch
	}
	row, found := find(k.portal, k.portal.apiKeys, id)
	if !found || hashOf(secret) != row.secretHash {
		return authn.Subject{}, authn.ErrRejected
	}
	return row.subject(id), nil
}

// Confirm says whether a key that logged in earlier still exists: for refresh tokens and a cache.
func (k apiKeys) Confirm(_ context.Context, remembered authn.Subject) (authn.Subject, error) {
	if !strings.HasPrefix(remembered.Stamp, "key_") {
		return authn.Subject{}, authn.ErrNoMatch // a subject of another source
	}
	row, found := find(k.portal, k.portal.apiKeys, remembered.Stamp)
	if !found {
		return authn.Subject{}, authn.ErrRejected
	}
	return row.subject(remembered.Stamp), nil
}

func (k apiKey) subject(id string) authn.Subject {
	return authn.Subject{
		Name: "robot/" + k.team, Kind: authn.KindServiceAccount, Stamp: id,
		Data: user{teams: []string{k.team}},
	}
}
