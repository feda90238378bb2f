package authn

import (
	"context"
	"errors"
)

// Decorate returns an authenticator that authenticates with authenticate. It is a [Directory] and a
// [Confirmer] if source is either, and an [AccountFinder] that asks source if that is one. It is
// for decorators, which change how credentials are checked and not who the subjects are.
// authenticate has to call source itself. Decorate panics if an argument is nil.
func Decorate(source Authenticator, authenticate Func) Authenticator {
	if source == nil || authenticate == nil {
		panic("authn.Decorate: an argument is nil")
	}
	return combine(authenticate, source)
}

func combine(authenticate Func, sources ...Authenticator) Authenticator {
	c := combined{authenticate, sources}
	for _, source := range sources {
		_, isDirectory := source.(Directory)
		_, isConfirmer := source.(Confirmer)
		if isDirectory || isConfirmer {
			return confirming{c}
		}
	}
	return c
}

type combined struct {
	Func

	sources []Authenticator
}

// Account returns the first answer.
func (c combined) Account(ctx context.Context, r Request) string {
	for _, source := range c.sources {
		if finder, ok := source.(AccountFinder); ok {
			if account := finder.Account(ctx, r); account != "" {
				return account
			}
		}
	}
	return ""
}

// confirming sources are a Directory and a Confirmer together.
type confirming struct{ combined }

func (c confirming) Lookup(ctx context.Context, name string) (Subject, error) {
	return c.first(func(source Authenticator) (Subject, error) { return lookup(ctx, source, name) })
}

func (c confirming) Confirm(ctx context.Context, remembered Subject) (Subject, error) {
	return c.first(func(source Authenticator) (Subject, error) {
		return Confirm(ctx, source, remembered)
	})
}

// first returns the first result that is neither ErrNoMatch nor ErrNoLookup.
func (c confirming) first(ask func(Authenticator) (Subject, error)) (Subject, error) {
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
