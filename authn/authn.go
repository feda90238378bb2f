package authn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
)

var (
	// ErrNoMatch means that the proof is not for this authenticator: no such user, or no credentials of its kind. The
	// next authenticator is asked; when none is left, the client reads 401.
	ErrNoMatch = errors.New("authn: no match")
	// ErrRejected means that the proof is for this authenticator and wrong: a bad password, a disabled account. No other
	// authenticator is asked, and the client reads 401.
	ErrRejected = errors.New("authn: credentials rejected")
	// ErrNoLookup means that an authenticator cannot say who somebody is without a proof.
	ErrNoLookup = errors.New("authn: lookup not supported")
)

// A Request is what a client presents to prove who it is, and where it comes from. Authenticators must not change or
// keep it.
type Request struct {
	// Username and Password are set together, or both empty: then the client presented no password, and an authenticator
	// of passwords answers ErrNoMatch. The HTTP layer has already refused what is empty, not UTF-8 or very long, NUL bytes,
	// and in the name control characters and colons.
	Username string
	Password Secret
	// TLS is the connection's state, or nil for a connection in the clear.
	TLS *tls.ConnectionState
	// RemoteAddr is the client's address. The zero Addr means that it is not known.
	RemoteAddr netip.Addr
	// Service is the registry that the token is for.
	Service string
	// ClientID names the client's software. The client chooses it, so it proves nothing.
	ClientID string
}

// An Authenticator finds out who makes a request.
//
// Authenticate returns the subject when the proof is right. It returns an error that wraps [ErrNoMatch] for what is not
// its own, one that wraps [ErrRejected] for a wrong proof, and any other error when it could not find out. An outage must wrap
// neither of the two, not even joined with something else: a client that reads 401 throws its credentials away. With an error
// the Subject is the zero value; without one it has a name. The request is never nil. Implementations are safe for
// concurrent use and return soon after ctx is done.
type Authenticator interface {
	Authenticate(ctx context.Context, r Request) (Subject, error)
}

// Func is a function that is an [Authenticator].
type Func func(ctx context.Context, r Request) (Subject, error)

// Authenticate calls f.
func (f Func) Authenticate(ctx context.Context, r Request) (Subject, error) { return f(ctx, r) }

// A Directory knows its subjects by name. It is an optional ability of an [Authenticator].
//
// Lookup returns the subject as it is now, without a proof. It takes the name as a user types it or
// as the Subject has it. It returns an error that wraps [ErrNoMatch] when there is no subject of
// that name, one that wraps [ErrRejected] when there is one that may not log in now, one that wraps
// [ErrNoLookup] when it cannot tell, and any other error when it could not find out.
// Implementations are safe for concurrent use, and quick: a lookup is made for every request with
// remembered credentials.
type Directory interface {
	Lookup(ctx context.Context, name string) (Subject, error)
}

// A Confirmer can say whether a credential that proved a subject earlier still does. It is an
// optional ability of an [Authenticator], for sources in which one name has several credentials
// with different limits; for others, [Directory] is enough.
//
// Confirm takes a subject that Authenticate returned, of which only Name, Kind, Stamp and Limit need
// have been remembered, and returns it as it is now, with a Limit that the same credential still
// has. Its errors are those of [Directory]; [ErrRejected] also means that the credential is gone.
type Confirmer interface {
	Confirm(ctx context.Context, remembered Subject) (Subject, error)
}

// Lookup asks a for the subject of that name. When a is no [Directory] the error is [ErrNoLookup].
func Lookup(ctx context.Context, a Authenticator, name string) (Subject, error) {
	if d, ok := a.(Directory); ok {
		return d.Lookup(ctx, name)
	}
	return Subject{}, ErrNoLookup
}

// Confirm returns a subject that was remembered, by a cache or with a refresh token, as it is now.
// It asks a [Confirmer], or looks the name up in a [Directory] and compares name, kind and stamp. A
// Directory knows nothing of limits, so for a subject that has one the error is then [ErrNoLookup].
//
// Beyond the errors of Lookup, the error wraps [ErrRejected] when the subject is not the same any
// more, or when earlier proofs no longer count.
func Confirm(ctx context.Context, a Authenticator, remembered Subject) (Subject, error) {
	if c, ok := a.(Confirmer); ok {
		return c.Confirm(ctx, remembered)
	}
	if remembered.Limit != nil {
		return Subject{}, ErrNoLookup
	}
	now, err := Lookup(ctx, a, remembered.Name)
	if err != nil {
		return Subject{}, err
	}
	if now.Name != remembered.Name || now.Kind != remembered.Kind || now.Stamp != remembered.Stamp {
		return Subject{}, fmt.Errorf("%w: the credentials of %+q have changed", ErrRejected, remembered.Name)
	}
	return now, nil
}
