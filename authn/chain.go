package authn

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Chain returns an authenticator that asks its members in order. The first result other than
// [ErrNoMatch] is final. That includes errors: while one source is down, a later one does not answer
// for its users. So a name belongs to the first member that knows it, whatever its kind.
//
// A member that is a [Directory] and does not know the user name is skipped, so that a request costs
// one password check. When all members were skipped, the last one is asked after all: an unknown user
// takes as long as a known one.
//
// The chain is a Directory if any member is one, and a [Confirmer] if any member is one of the two.
// When no member finds the subject and one of them cannot tell, the error wraps [ErrNoLookup].
// Chain panics if a member is nil.
func Chain(members ...Authenticator) Authenticator {
	c := chain(slices.Clone(members))
	directory, confirmer := len(c) == 0, false
	for i, member := range c {
		if member == nil {
			panic(fmt.Sprintf("authn.Chain: member %d is nil", i))
		}
		_, isDirectory := member.(Directory)
		_, isConfirmer := member.(Confirmer)
		directory, confirmer = directory || isDirectory, confirmer || isConfirmer
	}
	switch {
	case directory:
		return c
	case confirmer:
		return struct {
			Func
			Confirmer
		}{c.Authenticate, c}
	default:
		return Func(c.Authenticate)
	}
}

type chain []Authenticator

func (c chain) Authenticate(ctx context.Context, r Request) (Subject, error) {
	var skipped Authenticator
	for _, member := range c {
		if r.Username != "" {
			if _, err := lookup(ctx, member, r.Username); errors.Is(err, ErrNoMatch) {
				skipped = member
				continue
			}
		}
		if subject, err := member.Authenticate(ctx, r); !errors.Is(err, ErrNoMatch) {
			return subject, err
		}
	}
	if skipped != nil {
		return skipped.Authenticate(ctx, r)
	}
	return Subject{}, ErrNoMatch
}

func (c chain) Lookup(ctx context.Context, name string) (Subject, error) {
	return c.first(func(member Authenticator) (Subject, error) { return lookup(ctx, member, name) })
}

func (c chain) Confirm(ctx context.Context, remembered Subject) (Subject, error) {
	return c.first(func(member Authenticator) (Subject, error) {
		return Confirm(ctx, member, remembered)
	})
}

// first returns the first result that is neither ErrNoMatch nor ErrNoLookup.
func (c chain) first(find func(Authenticator) (Subject, error)) (Subject, error) {
	notFound := ErrNoMatch
	for _, member := range c {
		subject, err := find(member)
		switch {
		case errors.Is(err, ErrNoLookup):
			notFound = err
		case !errors.Is(err, ErrNoMatch):
			return subject, err
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
