package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
)

// A portal is a web service that was there before: it has accounts and pages of its own.
type portal struct {
	accounts map[string]account // stands for its database
	checker  password.Checker
}

// An account is a row of the portal's users.
type account struct {
	name         string
	passwordHash password.Hash
	version      string // changes with the password
	teams        []string
}

var (
	errNoAccount     = errors.New("no such account")
	errWrongPassword = errors.New("wrong password")
)

func (p *portal) account(name string) (account, error) {
	found, exists := p.accounts[name]
	if !exists {
		return account{}, errNoAccount
	}
	return found, nil
}

// login is the portal's own check of a password. It takes as long for a name that does not exist.
func (p *portal) login(ctx context.Context, name string, secret authn.Secret) (account, error) {
	found, missing := p.account(name)
	if missing != nil {
		found.passwordHash = password.Decoy()
	}
	matches, err := p.checker.Check(ctx, found.passwordHash, secret)
	switch {
	case err != nil:
		return account{}, err
	case missing != nil:
		return account{}, missing
	case !matches:
		return account{}, errWrongPassword
	}
	return found, nil
}

// home is one of the portal's pages.
func (p *portal) home(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "Welcome to the portal.\n")
}

// newPortal has one account: alice, password wonderland, of the team web.
func newPortal() (*portal, error) {
	encoded, err := password.NewHash("wonderland")
	if err != nil {
		return nil, fmt.Errorf("hash the password: %w", err)
	}
	hash, err := password.Parse(encoded)
	if err != nil {
		return nil, fmt.Errorf("read the password hash: %w", err)
	}
	alice := account{name: "alice", passwordHash: hash, version: "1", teams: []string{"web"}}
	return &portal{accounts: map[string]account{alice.name: alice}}, nil
}
