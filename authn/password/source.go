package password

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/internal/secret"
)

// SourceConfig configures [Source]. The zero value suits a table with bcrypt hashes of cost 10 and
// a process with one source of passwords.
type SourceConfig struct {
	// Checker limits concurrent password checks. All sources of a process should share one. The
	// default is one for this source.
	Checker *Checker
	// Decoy is any hash with the algorithm and cost of yours, such as Decoy() for those of NewHash.
	// An unknown user costs at least as much. The default is bcrypt of cost 10 until the first real
	// hash is read; if yours differ, the time of a check tells until then who exists.
	Decoy Hash
}

// Users is a source of users with passwords. It is an [authn.Authenticator], an [authn.Directory]
// and an [authn.Confirmer], and safe for concurrent use. [Source] makes one.
type Users struct {
	find    func(ctx context.Context, name string) (authn.Subject, authn.Secret, error)
	checker *Checker

	mu      sync.Mutex
	decoy   Hash
	assumed bool // nothing is known yet of the hashes that find returns
}

// Source returns a source of the users that find returns, such as from a database. It panics if
// find is nil.
//
// find returns the subject with that name and the password hash, as text for [Parse]. The name is
// as typed: 1 to 255 bytes of UTF-8 without control characters, colons and surrounding white space.
// Subject.Name is that of the row, since many databases ignore the case of the typed one; find
// accepts both. Errors are returned to the caller unchanged:
//
//   - [authn.ErrNoMatch], or an error that wraps it: no such user
//   - [authn.ErrRejected]: the user is disabled
//   - any other error: an outage
//
// An empty hash is that of a user without a password, who is rejected, and so is one whose hash is
// not acceptable or whose ValidUntil has passed. Source derives the Stamp from name, hash and the
// Stamp that find returns, if any; set one to end logins for other reasons. find must be safe for
// concurrent use, return when ctx is done, and be fast: each request calls it, with a cache too.
func Source(
	find func(ctx context.Context, name string) (authn.Subject, authn.Secret, error),
	config SourceConfig,
) *Users {
	if find == nil {
		panic("password.Source: the function is nil")
	}
	u := &Users{
		find:    find,
		checker: cmp.Or(config.Checker, &Checker{}),
		decoy:   Decoy(config.Decoy),
		assumed: config.Decoy.scheme == nil,
	}
	if u.assumed {
		u.decoy = Decoy(Hash{&bcryptHash{cost: strongBcryptCost}})
	}
	return u
}

// Authenticate checks the password. The error wraps [authn.ErrNoMatch] for an unknown user or a
// request without a password, [authn.ErrRejected] for a wrong password, and [ErrBusy] when too many
// checks are running. If the hash is not acceptable, it wraps ErrRejected and [ErrHash].
//
// An unknown or disabled user costs one check too, as costly as that of the costliest hash so far.
func (u *Users) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	if r.Username == "" || r.Password == "" || r.Other != nil {
		return authn.Subject{}, authn.ErrNoMatch
	}
	subject, hash, err := u.account(ctx, r.Username)
	if hash.scheme == nil {
		return authn.Subject{}, err
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
	return subject, nil
}

// Lookup returns the subject with that name. The error wraps [authn.ErrNoMatch] for an unknown
// user and [authn.ErrRejected] for one that may not log in.
func (u *Users) Lookup(ctx context.Context, name string) (authn.Subject, error) {
	subject, _, err := u.lookup(ctx, name)
	return subject, err
}

// Confirm looks the subject up, with its current Limit. A name has one password, and the Stamp
// changes with it.
func (u *Users) Confirm(ctx context.Context, remembered authn.Subject) (authn.Subject, error) {
	return u.Lookup(ctx, remembered.Name)
}

// lookup returns a subject that may log in, with its stamp, and its hash.
func (u *Users) lookup(ctx context.Context, name string) (authn.Subject, authn.Secret, error) {
	if !acceptableName(name) {
		return authn.Subject{}, "", authn.ErrNoMatch
	}
	subject, encoded, err := u.find(ctx, name)
	switch until := subject.ValidUntil; {
	case err != nil:
	case subject.Anonymous():
		err = fmt.Errorf("the subject of %+q has no name", name)
	case encoded == "":
		err = fmt.Errorf("%w: %+q has no password", authn.ErrRejected, name)
	case !until.IsZero() && !time.Now().Before(until):
		err = fmt.Errorf("%w: the password of %+q has expired", authn.ErrRejected, name)
	}
	if err != nil {
		return authn.Subject{}, "", err
	}
	// Each new hash has a new salt, so the stamp changes with the password and with a new account
	// under an old name. It reveals nothing of the hash.
	subject.Stamp = secret.Stamp("registry-auth password stamp 2", subject.Name, string(encoded),
		subject.Stamp)
	return subject, encoded, nil
}

// account returns the hash to check: that of the user, the decoy with ErrNoMatch or ErrRejected, or
// none with an outage.
func (u *Users) account(ctx context.Context, name string) (authn.Subject, Hash, error) {
	subject, encoded, err := u.lookup(ctx, name)
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case errors.Is(err, authn.ErrNoMatch), errors.Is(err, authn.ErrRejected):
		return authn.Subject{}, u.decoy, err
	case err != nil:
		return authn.Subject{}, Hash{}, err
	}
	hash, err := Parse(encoded)
	if err != nil {
		// Some tables have a mark such as "!" here. A throttle would not count an outage.
		err = fmt.Errorf("%w: user %+q: %w", authn.ErrRejected, name, err)
		return authn.Subject{}, u.decoy, err
	}
	if u.assumed || hash.scheme.nominalMicroseconds() > u.decoy.scheme.nominalMicroseconds() {
		u.decoy, u.assumed = Decoy(hash), false
	}
	return subject, hash, nil
}

// acceptableName reports whether a database can be asked for the name. Databases fold, replace,
// truncate or split other names.
func acceptableName(name string) bool {
	colonOrControl := func(r rune) bool { return r == ':' || unicode.IsControl(r) }
	return name != "" && len(name) <= 255 && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, colonOrControl) && strings.TrimSpace(name) == name
}
