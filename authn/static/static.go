package static

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
)

// Config configures a list of users.
type Config struct {
	Users []User // may be empty
	// Checker limits concurrent password checks. All sources of a process should share one. The
	// default is one for this list.
	Checker *password.Checker
	// Logger receives warnings about weak hashes. The default is slog.Default().
	Logger *slog.Logger
}

// Users is an immutable list of users with passwords. It is an [authn.Authenticator] and an
// [authn.Directory], and safe for concurrent use. [New] makes one.
type Users struct {
	byName  map[string]account
	decoy   password.Hash
	checker *password.Checker
}

type account struct {
	subject  authn.Subject
	hash     password.Hash
	disabled bool
}

var _ authn.Directory = (*Users)(nil)

// New returns a source of the given users, whose Labels it copies. The error is a *[UserError] for
// the first user that is not acceptable.
func New(config Config) (*Users, error) {
	users := &Users{
		byName:  make(map[string]account, len(config.Users)),
		checker: cmp.Or(config.Checker, &password.Checker{}),
	}
	hashes := make([]password.Hash, len(config.Users))
	for i, user := range config.Users {
		account, err := user.account()
		if _, taken := users.byName[user.Name]; taken && err == nil {
			err = errors.New("another user has the same name")
		}
		if err != nil {
			return nil, &UserError{Index: i, Name: user.Name, Err: err}
		}
		users.byName[user.Name] = account
		hashes[i] = account.hash
	}
	users.decoy = password.Decoy(hashes...)
	config.warn(hashes)
	return users, nil
}

// Authenticate checks the password. The error wraps [authn.ErrNoMatch] for an unknown user,
// [authn.ErrRejected] for a wrong password or a disabled user, and [password.ErrBusy] when too
// many checks are running. An unknown or disabled user costs one check, as any other does.
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
		err = fmt.Errorf("%w: wrong password for %+q", authn.ErrRejected, r.Username)
		return authn.Subject{}, err
	}
	return found.subject, nil
}

// Lookup returns the subject with that name. The error wraps [authn.ErrNoMatch] for an unknown
// user and [authn.ErrRejected] for a disabled one.
func (u *Users) Lookup(_ context.Context, name string) (authn.Subject, error) {
	found, err := u.find(name)
	return found.subject, err
}

// Len returns the number of users, including disabled ones.
func (u *Users) Len() int { return len(u.byName) }

func (u *Users) find(name string) (account, error) {
	found, known := u.byName[name]
	switch {
	case !known:
		return account{}, fmt.Errorf("%w: no user %+q", authn.ErrNoMatch, name)
	case found.disabled:
		return account{}, fmt.Errorf("%w: %+q is disabled", authn.ErrRejected, name)
	}
	return found, nil
}
