package static

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

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

// New returns a source of the given users, whose Labels it copies. The error is a *[UserError] for
// the first user that is not acceptable.
func New(config Config) (*password.Users, error) {
	byName := make(map[string]User, len(config.Users))
	hashes := make([]password.Hash, len(config.Users))
	for i, user := range config.Users {
		hash, err := user.parse()
		if _, taken := byName[user.Name]; taken && err == nil {
			err = errors.New("another user has the same name")
		}
		if err != nil {
			return nil, &UserError{Index: i, Name: user.Name, Err: err}
		}
		user.Labels = maps.Clone(user.Labels)
		for key, values := range user.Labels {
			user.Labels[key] = slices.Clone(values)
		}
		byName[user.Name], hashes[i] = user, hash
	}
	config.warn(hashes)
	find := func(_ context.Context, name string) (authn.Subject, authn.Secret, error) {
		user, known := byName[name]
		switch {
		case !known:
			return authn.Subject{}, "", fmt.Errorf("%w: no user %+q", authn.ErrNoMatch, name)
		case user.Disabled:
			return authn.Subject{}, "", fmt.Errorf("%w: %+q is disabled", authn.ErrRejected, name)
		}
		subject := authn.Subject{Name: user.Name, Kind: user.Kind, Labels: user.Labels}
		return subject, user.PasswordHash, nil
	}
	decoy := password.Decoy(hashes...)
	return password.Source(find, password.SourceConfig{Checker: config.Checker, Decoy: decoy}), nil
}
