package authn

import (
	"context"
	"errors"
)

// Chain returns an authenticator that asks the given ones in order. The first that does not answer [ErrNoMatch] decides:
// a subject, [ErrRejected] and a broken source all end the chain, so that an outage of one source never lets a later one
// speak for its users.
//
// A member that is a [Directory] and does not know the user name is passed over without a password check. When no member
// knows the name, one of those is asked nevertheless, so that an unknown user costs a check as a known one does. Where the
// checks of the members take different times, the time still tells in which of them a user is.
//
// A name belongs to the first member that knows it: a user and a service account of one name, in two members, cannot both log
// in.
//
// The chain is itself a Directory; it finds what its members find.
func Chain(members ...Authenticator) Authenticator { return chain(members) }

type chain []Authenticator

var (
	_ Authenticator = chain(nil)
	_ Directory     = chain(nil)
)

func (c chain) Authenticate(ctx context.Context, r Request) (Subject, error) {
	var passedOver Authenticator
	for _, member := range c {
		if r.Username != "" && !mayKnow(ctx, member, r.Username) {
			passedOver = member
			continue
		}
		subject, err := member.Authenticate(ctx, r)
		if !errors.Is(err, ErrNoMatch) {
			return subject, err
		}
	}
	if passedOver != nil {
		return passedOver.Authenticate(ctx, r)
	}
	return Subject{}, ErrNoMatch
}

// mayKnow is false only when the member is sure. One that cannot look up has to be asked, and a broken one as well, so
// that its error ends the chain.
func mayKnow(ctx context.Context, member Authenticator, name string) bool {
	_, err := Lookup(ctx, member, name)
	return !errors.Is(err, ErrNoMatch)
}

func (c chain) Lookup(ctx context.Context, name string) (Subject, error) {
	notFound := ErrNoMatch
	for _, member := range c {
		subject, err := Lookup(ctx, member, name)
		switch {
		case errors.Is(err, ErrNoMatch):
		case errors.Is(err, ErrNoLookup):
			notFound = err
		default:
			return subject, err
		}
	}
	return Subject{}, notFound
}
