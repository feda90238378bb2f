package static

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
)

// Users is a list of users with passwords. It is an [authn.Authenticator] and an [authn.Directory], never changes, and is safe
// for concurrent use. [New] makes one; the zero value is of no use.
type Users struct {
	byName  map[string]*account
	decoy   password.Parsed
	checker *password.Checker
}

type account struct {
	subject  authn.Subject
	hash     password.Parsed
	disabled bool
}

var (
	_ authn.Authenticator = (*Users)(nil)
	_ authn.Directory     = (*Users)(nil)
)

// Config is for lists of users that share something with others. Its zero value is what [New] takes.
type Config struct {
	// Checker bounds how many passwords are checked at once. All sources of a process should share one; the default is one
	// for this list alone.
	Checker *password.Checker
	// Logger receives the warnings about weak hashes. The default is slog.Default().
	Logger *slog.Logger
}

// New returns a source of the given users. The error is a *[UserError]; one user that cannot be used is enough for it, so that
// a mistake in a configuration is seen at the start and not by the user. No users at all are an acceptable list.
func New(users ...User) (*Users, error) { return Config{}.New(users...) }

// New is as the function [New], with the given configuration.
func (cfg Config) New(users ...User) (*Users, error) {
	list := &Users{byName: make(map[string]*account, len(users)), checker: cfg.Checker}
	accounts := make([]account, len(users)) // one by one they would take more
	if list.checker == nil {
		list.checker = &password.Checker{}
	}
	hashes := make([]password.Parsed, 0, len(users))
	for i := range users {
		user := &users[i]
		var err error
		accounts[i], err = user.account()
		if _, taken := list.byName[user.Name]; taken && err == nil {
			err = errors.New("there is a user of this name already")
		}
		if err != nil {
			return nil, &UserError{Index: i, Name: user.Name, Err: err}
		}
		list.byName[user.Name] = &accounts[i]
		hashes = append(hashes, accounts[i].hash)
	}
	list.decoy = password.Decoy(hashes...)
	cfg.warn(users, hashes)
	return list, nil
}

// Authenticate checks the password. It wraps [authn.ErrNoMatch] for an unknown user, [authn.ErrRejected] for a wrong password
// or a disabled user, and [password.ErrBusy] when too many passwords are being checked. Each of the first three takes the time
// of one comparison.
func (u *Users) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	if r.Username == "" {
		return authn.Subject{}, authn.ErrNoMatch
	}
	found, err := u.find(r.Username)
	hash := u.decoy
	if err == nil {
		hash = found.hash
	}
	matches, busy := u.checker.Check(ctx, hash, r.Password)
	switch {
	case busy != nil:
		return authn.Subject{}, fmt.Errorf("check the password of %+q: %w", r.Username, busy)
	case err != nil:
		return authn.Subject{}, err
	case !matches:
		return authn.Subject{}, fmt.Errorf("%w: wrong password for %+q", authn.ErrRejected, r.Username)
	}
	return found.subject, nil
}

// Lookup returns the subject of that name. The error wraps [authn.ErrNoMatch] for an unknown user, and [authn.ErrRejected] for
// a disabled one.
func (u *Users) Lookup(_ context.Context, name string) (authn.Subject, error) {
	found, err := u.find(name)
	if err != nil {
		return authn.Subject{}, err
	}
	return found.subject, nil
}

// Len returns the number of users, the disabled ones included.
func (u *Users) Len() int { return len(u.byName) }

func (u *Users) find(name string) (*account, error) {
	found, known := u.byName[name]
	switch {
	case !known:
		return nil, fmt.Errorf("%w: no user %+q", authn.ErrNoMatch, name)
	case found.disabled:
		return nil, fmt.Errorf("%w: %+q is disabled", authn.ErrRejected, name)
	}
	return found, nil
}
