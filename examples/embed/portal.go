package main

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
)

// A portal is a web service that was there before. Its maps stand for the tables of its database.
type portal struct {
	mu       sync.Mutex
	down     error                    // of the database
	users    map[string]user          // by name
	sessions map[string]session       // by the hash of the cookie
	apiKeys  map[string]apiKey        // by ID
	tokens   map[string]personalToken // by ID
	public   map[string]struct{}      // repositories
}

type user struct {
	name         string
	passwordHash authn.Secret
	teams        []string
}

type session struct {
	user    string
	expires time.Time
}

// An apiKey lets a program of a team pull and push.
type apiKey struct{ team, secretHash string }

type personalToken struct {
	owner, secretHash string
	limit             *authn.Limit // nil: all that the owner may do
}

// openPortal returns the portal with its first user.
func openPortal() (*portal, error) {
	hash, err := password.NewHash("wonderland")
	if err != nil {
		return nil, err
	}
	alice := user{name: "alice", passwordHash: hash, teams: []string{"web"}}
	return &portal{users: map[string]user{alice.name: alice}}, nil
}

// row reads a row of a table. It returns authn.ErrNoMatch where database/sql has sql.ErrNoRows.
// All other errors are outages, and stay as they are: after a 401, clients discard their passwords.
func row[Row any](
	ctx context.Context, p *portal, table map[string]Row, key string,
) (found Row, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := cmp.Or(p.down, ctx.Err()); err != nil {
		return found, err
	}
	found, ok := table[key]
	if !ok {
		return found, authn.ErrNoMatch
	}
	return found, nil
}

// sessionOf returns a session and its user, as a JOIN does.
func (p *portal) sessionOf(ctx context.Context, hash string) (session, user, error) {
	found, err := row(ctx, p, p.sessions, hash)
	if err != nil {
		return session{}, user{}, err
	}
	owner, err := row(ctx, p, p.users, found.user)
	return found, owner, err
}

// tokenOf returns a personal token and its owner.
func (p *portal) tokenOf(ctx context.Context, id string) (personalToken, user, error) {
	found, err := row(ctx, p, p.tokens, id)
	if err != nil {
		return personalToken{}, user{}, err
	}
	owner, err := row(ctx, p, p.users, found.owner)
	return found, owner, err
}
