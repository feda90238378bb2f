package authn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

var (
	// ErrNoMatch means that the credentials are not for this authenticator: the user is unknown, or
	// the credentials are of another kind. A [Chain] asks its next member.
	ErrNoMatch = errors.New("no match")
	// ErrRejected means that the credentials are for this authenticator and not acceptable: a
	// wrong password, a disabled account. A Chain stops, and the client gets a 401.
	ErrRejected = errors.New("credentials rejected")
	// ErrNoLookup means that a source cannot look up or confirm a subject without its credentials,
	// which are then not remembered.
	ErrNoLookup = errors.New("lookup not supported")
)

// A Request is what a client presents to prove its identity, and where it comes from.
type Request struct {
	// Username and Password are both set, or both empty when the client sent no password; password
	// authenticators then return ErrNoMatch. Package auth rejects invalid UTF-8, NUL bytes, control
	// characters and colons in the name, names over 255 bytes and passwords over 8 KiB.
	Username string
	Password Secret
	// Other are credentials of another kind, such as a session, in a type of your own. Username and
	// Password are then empty. Package auth has them from its Config.Credentials.
	Other any

	TLS        *tls.ConnectionState // nil without TLS; must not be changed
	RemoteAddr netip.Addr           // of the client; the zero Addr means unknown
	Service    string               // the registry that the token is for
	ClientID   string               // what the client calls itself; proves nothing
}

// An Authenticator finds out which subject makes a request.
//
// Authenticate returns a subject with a name when the credentials are right. The error wraps
// [ErrNoMatch] for credentials that are not its own and [ErrRejected] for wrong ones. Any other
// error is an outage, which must wrap neither of the two, not even joined with other errors: a
// client that gets a 401 discards its password. With an error the Subject is the zero value.
// Success without a name counts as an outage. Implementations are safe for concurrent use and
// return soon after ctx is done.
type Authenticator interface {
	Authenticate(ctx context.Context, r Request) (Subject, error)
}

// A Func is a function that is an [Authenticator].
type Func func(ctx context.Context, r Request) (Subject, error)

// Authenticate calls f.
func (f Func) Authenticate(ctx context.Context, r Request) (Subject, error) { return f(ctx, r) }

// Passwords returns an authenticator that checks names and passwords with check, whose results are
// those of an [Authenticator]. Requests without a name or a password are [ErrNoMatch] and not
// checked, so that anonymous access works. Passwords panics if check is nil.
//
// A [Cache] remembers nothing of it. For that, embed the result in a type with a Lookup:
//
//	type users struct {
//		authn.Authenticator // authn.Passwords(db.check)
//		db *database
//	}
//
//	func (u users) Lookup(ctx context.Context, name string) (authn.Subject, error)
func Passwords(
	check func(ctx context.Context, name string, password Secret) (Subject, error),
) Authenticator {
	if check == nil {
		panic("authn.Passwords: the function is nil")
	}
	return Func(func(ctx context.Context, r Request) (Subject, error) {
		if r.Username == "" || r.Password == "" {
			return Subject{}, ErrNoMatch
		}
		return check(ctx, r.Username, r.Password)
	})
}

// A Directory looks up subjects by name. It is an optional ability of an [Authenticator], for
// sources where a name has one password. Other credentials need a [Confirmer].
//
// Lookup returns the subject as Authenticate would return it now for the right password, with the
// same Stamp and Labels in the same order. It accepts the name as a user types it and as the
// Subject has it; no name may mean two subjects. The error wraps [ErrNoMatch] for an unknown name,
// [ErrRejected] for a subject that may not log in now, and [ErrNoLookup] if it cannot tell; any
// other error is an outage. Implementations are safe for concurrent use, and fast: every request
// with remembered credentials makes a lookup.
type Directory interface {
	Lookup(ctx context.Context, name string) (Subject, error)
}

// A Confirmer tells whether the credentials that proved a subject earlier are still good. It is an
// optional ability of an [Authenticator], for sources where a name can have several credentials.
//
// Confirm takes a subject of which only Name, Kind, Stamp and Limit are as Authenticate returned
// them. It finds the credentials by the Stamp and returns the subject as Authenticate would return
// it for them now. The rules of [Directory] apply. For the Stamp of another source the error is
// [ErrNoMatch], after which a [Chain] asks its next member; [ErrRejected] would end the logins of
// all others. Credentials of its own that are gone are either.
type Confirmer interface {
	Confirm(ctx context.Context, remembered Subject) (Subject, error)
}

// An AccountFinder says whose account a login is for. It is an optional ability of an
// [Authenticator], for credentials that name their account themselves, such as an API key under any
// user name: package throttle counts failures by account, and the shared user name would be one.
// It is better to ask for random tokens in front of the throttle; that package says why.
//
// Account returns a name for the account, or "" if it cannot tell, as for credentials that are not
// its own; the user name then stands for it. Whether the credentials are right does not matter, but
// all guesses at one account must have its name, or they are not counted together. It is called for
// each login with a user name, and so is fast and makes no check.
type AccountFinder interface {
	Account(ctx context.Context, r Request) string
}

// Confirm returns the current state of a subject that a cache or a refresh token remembered. It
// asks a as a [Confirmer], or else as a [Directory]. After an error the remembered subject must
// not be used.
//
// Whoever wants to remember a subject confirms it once right after its login, and does not remember
// it unless the result is Equal: a look-up may return the rights of the account instead.
//
// Errors of a are returned. Confirm itself returns [ErrNoLookup] if the remembered subject has no
// stamp, if a is neither, or if a is only a Directory and the remembered subject has a limit. It
// returns [ErrRejected] if the name, the kind or the stamp has changed, the limit is gone (a
// different limit is no error), or ValidUntil of the current subject has passed.
func Confirm(ctx context.Context, a Authenticator, remembered Subject) (Subject, error) {
	current, err := Subject{}, ErrNoLookup
	if remembered.Stamp == "" {
		return current, err // a subject without a stamp could come from any credentials
	}
	if c, ok := a.(Confirmer); ok {
		current, err = c.Confirm(ctx, remembered)
	} else if d, ok := a.(Directory); ok {
		current, err = d.Lookup(ctx, remembered.Name)
		if err == nil && remembered.Limit != nil {
			err = ErrNoLookup
		}
	}
	switch {
	case err != nil:
		return Subject{}, err
	case current.Anonymous(): // a bug of the source, and no reason for a 401
		return Subject{}, errors.New("the source returned a subject without a name")
	case current.Name != remembered.Name, current.Kind != remembered.Kind,
		current.Stamp != remembered.Stamp, current.Limit == nil && remembered.Limit != nil:
		return Subject{}, fmt.Errorf("%w: the credentials of %+q have changed", ErrRejected,
			remembered.Name)
	case !current.ValidUntil.IsZero() && !time.Now().Before(current.ValidUntil):
		return Subject{}, fmt.Errorf("%w: the credentials of %+q have expired", ErrRejected,
			remembered.Name)
	}
	return current, nil
}
