package authn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
)

var (
	// ErrNoMatch means that the credentials are not for this authenticator: the user is unknown,
	// or it accepts no such credentials. The next one is asked. After the last the client gets a
	// 401.
	ErrNoMatch = errors.New("no match")
	// ErrRejected means that the credentials are for this authenticator and not acceptable: a
	// wrong password, a disabled account. No other one is asked, and the client gets a 401.
	ErrRejected = errors.New("credentials rejected")
	// ErrNoLookup means that a source of users cannot tell without credentials.
	ErrNoLookup = errors.New("lookup not supported")
)

// A Request is what a client presents to prove its identity, and where it comes from.
type Request struct {
	// Username and Password are both set, or both empty when the client sent no password; password
	// authenticators then return ErrNoMatch. The HTTP layer rejects invalid UTF-8, NUL bytes,
	// overlong values, and control characters and colons in the name.
	Username string
	Password Secret

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
// Implementations are safe for concurrent use and return soon after ctx is done.
type Authenticator interface {
	Authenticate(ctx context.Context, r Request) (Subject, error)
}

// A Func is a function that is an [Authenticator].
type Func func(ctx context.Context, r Request) (Subject, error)

// Authenticate calls f.
func (f Func) Authenticate(ctx context.Context, r Request) (Subject, error) { return f(ctx, r) }

// A Directory looks up subjects by name. It is an optional ability of an [Authenticator].
//
// Lookup returns the current subject. It accepts the name as a user types it and as the Subject
// has it. The error wraps [ErrNoMatch] for an unknown name, [ErrRejected] for a subject that may
// not log in now, and [ErrNoLookup] if it cannot tell; any other error is an outage.
// Implementations are safe for concurrent use, and fast: every request with remembered credentials
// makes a lookup.
type Directory interface {
	Lookup(ctx context.Context, name string) (Subject, error)
}

// A Confirmer tells whether the credentials that proved a subject earlier are still good. It is an
// optional ability of an [Authenticator], for sources where a name can have several credentials.
//
// Confirm takes a subject that Authenticate returned, of which only Name, Kind, Stamp and Limit
// are sure to be set. It returns the current subject with the current Limit of the same
// credentials. The errors are those of [Directory]. [ErrNoMatch] means that the credentials do not
// exist here, and [ErrRejected] that they exist and may not be used.
type Confirmer interface {
	Confirm(ctx context.Context, remembered Subject) (Subject, error)
}

// Confirm returns the current state of a subject that a cache or a refresh token remembered. It
// asks a as a [Confirmer], or else as a [Directory]. After an error the remembered subject must
// not be used; only [Cache] makes an exception, for a minute.
//
// The error is that of a. It also wraps [ErrRejected] if the name, the kind or the stamp has
// changed or the limit is gone, and [ErrNoLookup] if a is neither of the two, or is a Directory
// and the remembered subject has a limit, which no Directory knows.
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
