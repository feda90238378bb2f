package authn

import (
	"context"
	"errors"
)

// Decorate returns an authenticator that authenticates with authenticate, and is a [Directory] and
// a [Confirmer] if source is either. It is for decorators, which change how credentials are checked
// and not who the subjects are. It is authenticate that calls source. Decorate panics on nil.
func Decorate(source Authenticator, authenticate Func) Authenticator {
	if source == nil || authenticate == nil {
		panic("authn.Decorate: an argument is nil")
	}
	return combine(authenticate, source)
}

func combine(authenticate Func, sources ...Authenticator) Authenticator {
	for _, source := range sources {
		_, isDirectory := source.(Directory)
		_, isConfirmer := source.(Confirmer)
		if isDirectory || isConfirmer {
			return combined{authenticate, sources}
		}
	}
	return authenticate
}

type combined struct {
	Func

	sources []Authenticator
}

func (c combined) Lookup(ctx context.Context, name string) (Subject, error) {
	return c.first(func(source Authenticator) (Subject, error) { return lookup(ctx, source, name) })
}

func (c combined) Confirm(ctx context.Context, remembered Subject) (Subject, error) {
	return c.first(func(source Authenticator) (Subject, error) {
		return Confirm(ctx, source, remembered)
	})
}

// first returns the first result that is neither ErrNoMatch nor ErrNoLookup.
func (c combined) first(ask func(Authenticator) (Subject, error)) (Subject, error) {
	notFound := ErrNoMatch
	for _, source := range c.sources {
		subject, err := ask(source)
		switch {
		case errors.Is(err, ErrNoLookup):
			notFound = err
		case !errors.Is(err, ErrNoMatch):
			return subject, err
		case !errors.Is(notFound, ErrNoLookup):
			notFound = err
		}
	}
	return Subject{}, notFound
}

func lookup(ctx context.Context, a Authenticator, name string) (Subject, error) {
	if d, ok := a.(Directory); ok {
		return d.Lookup(ctx, name)
	}
	return Subject{}, ErrNoLookup
}
