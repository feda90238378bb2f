package authn

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Chain returns an authenticator that asks its members in order. The first result other than
// [ErrNoMatch] is final. That includes errors: while one source is down, a later one does not
// answer for its users. So the first member that knows a name owns it, even if a later one has it
// with another Kind. Without members, the result is ErrNoMatch.
//
// A member that is a [Directory] and does not know the user name is skipped, so that a request
// costs one password check; a failed lookup does not skip it. If no other member matches, the last
// one skipped is asked after all, so that an unknown user costs a check too. Give all members
// hashes of the same cost, and put a source of passwords last.
//
// The chain is a Directory and a [Confirmer] if any member is either. If no member finds a subject
// and one cannot tell, the error wraps [ErrNoLookup]. As an [AccountFinder] it returns the first
// account that a member finds. Chain panics if a member is nil.
func Chain(members ...Authenticator) Authenticator {
	if i := slices.Index(members, nil); i >= 0 {
		panic(fmt.Sprintf("authn.Chain: member %d is nil", i))
	}
	members = slices.Clone(members)
	return combine(func(ctx context.Context, r Request) (Subject, error) {
		return authenticate(ctx, r, members)
	}, members...)
}

func authenticate(ctx context.Context, r Request, members []Authenticator) (Subject, error) {
	var skipped Authenticator
	for _, member := range members {
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
