package authn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
)

var (
	// ErrNoMatch means that the credentials are not for this authenticator: the user is unknown, or
	// there are no credentials of its kind. The next authenticator is asked. After the last one the
	// client gets a 401.
	ErrNoMatch = errors.New("no match")
	// ErrRejected means that the credentials are for this authenticator and not acceptable: a wrong
	// password, a disabled account. No other authenticator is asked, and the client gets a 401.
	ErrRejected = errors.New("credentials rejected")
	// ErrNoLookup means that a source of users cannot tell, since it has no lookup without
	// credentials. A remembered subject is not confirmed then.
	ErrNoLookup = errors.New("lookup not supported")
)

// A Request is what a client presents to prove its identity, and where it comes from.
type Request struct {
	// Username and Password are both set, or both empty when the client sent no password;
	// password authenticators then return ErrNoMatch. The HTTP layer rejects invalid UTF-8, NUL
	// bytes, overlong values, and control characters and colons in the name.
	Username string
	Password Secret
	// TLS is the state of the connection, or nil without TLS. It is shared and must not be changed.
	TLS *tls.ConnectionState
	// RemoteAddr is the address of the client. The zero Addr means unknown.
	RemoteAddr netip.Addr
	// Service is the registry that the token is for.
	Service string
	// ClientID names the client software. The client chooses it, so it proves nothing.
	ClientID string
}

// An Authenticator finds out which subject makes a request.
//
// Authenticate returns the subject when the credentials are right. The error wraps [ErrNoMatch] for
// credentials that are not its own and [ErrRejected] for wrong ones. Any other error means that it
// could not find out. An outage must wrap neither of the two, not even joined with other errors:
// a client that gets a 401 discards its password. With an error the Subject is the zero value;
// without one it has a name. Implementations are safe for concurrent use and return soon after ctx
// is done.
type Authenticator interface {
	Authenticate(ctx context.Context, r Request) (Subject, error)
}

// A Func is a function that is an [Authenticator].
type Func func(ctx context.Context, r Request) (Subject, error)

// Authenticate calls f.
func (f Func) Authenticate(ctx context.Context, r Request) (Subject, error) { return f(ctx, r) }

// A Directory looks up subjects by name. It is an optional ability of an [Authenticator].
//
// Lookup returns the current subject without credentials. It accepts the name as a user types it and
// as the Subject has it. The error wraps [ErrNoMatch] for an unknown name, [ErrRejected] for a
// subject that may not log in now, and [ErrNoLookup] when the directory cannot tell. Any other error
// means that it could not find out. Implementations are safe for concurrent use, and fast: every
// request with remembered credentials makes a lookup.
type Directory interface {
	Lookup(ctx context.Context, name string) (Subject, error)
}

// A Confirmer tells whether the credentials that proved a subject earlier are still good. It is an
// optional ability of an [Authenticator]. A source needs it when a name can have several credentials
// with different rights; otherwise a [Directory] is enough.
//
// Confirm takes a subject that Authenticate returned. Only Name, Kind, Stamp and Limit are sure to
// be set, so one of the last two has to identify the credentials. It returns the current subject,
// with the current Limit of these credentials. The errors are those of [Directory], where
// [ErrNoMatch] means that the credentials do not exist, or not here, and [ErrRejected] that they
// exist and may not be used.
type Confirmer interface {
	Confirm(ctx context.Context, remembered Subject) (Subject, error)
}

// Confirm returns the current state of a subject that a cache or a refresh token remembered. It asks
// a as a [Confirmer], or else as a [Directory].
//
// The error is that of a. It also wraps [ErrRejected] when the name, the kind or the stamp has
// changed or a limit has disappeared, and [ErrNoLookup] when a is neither of the two, or is only a
// Directory and the remembered subject has a limit, which a Directory cannot know. On every error
// the remembered subject must not be used; only [Cache] makes an exception, for a minute.
func Confirm(ctx context.Context, a Authenticator, remembered Subject) (Subject, error) {
	current, err := Subject{}, ErrNoLookup
	if c, ok := a.(Confirmer); ok {
		current, err = c.Confirm(ctx, remembered)
	} else if d, ok := a.(Directory); ok {
		current, err = d.Lookup(ctx, remembered.Name)
		if err == nil && remembered.Limit != nil {
			err = ErrNoLookup
		}
	}
	if err != nil {
		return Subject{}, err
	}
	if current.Name != remembered.Name || current.Kind != remembered.Kind ||
		current.Stamp != remembered.Stamp || current.Limit == nil && remembered.Limit != nil {
		return Subject{}, fmt.Errorf("%w: the credentials of %+q have changed", ErrRejected,
			remembered.Name)
	}
	return current, nil
}
