package authz

import (
	"context"
	"net/netip"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
)

// A Request is one question: may this subject do this?
type Request struct {
	// Subject is who asks; it may be the anonymous subject. Authorizers must not change its Labels.
	Subject authn.Subject
	// Service is the registry that the token is for.
	Service string
	// Scope is the resource and what the subject wants to do with it. Authorizers must not change its Actions.
	Scope scope.Scope
	// RemoteAddr is the client's address. The zero Addr means that it is not known.
	RemoteAddr netip.Addr
	// ClientID names the client's software. The client chooses it, so it proves nothing.
	ClientID string
}

// A Decision is the answer to a [Request]. Its zero value refuses.
type Decision struct {
	// Actions are those of the requested actions that are granted: never one that was not asked for, which
	// [scope.Scope.Intersect] sees to. The token server drops others, and package authztest complains of them. "*" is an
	// action like others, granted only where it was asked for.
	Actions []string
	// Reason names the rule or the cause, for the audit log and for failing tests. It is not shown to the client.
	Reason string
	// NoMatch says that the authorizer has nothing to say about the request. Actions is ignored then.
	NoMatch bool
}

// An Authorizer decides which of the requested actions a subject may do.
//
// Authorize returns a [Decision], or an error when none could be made; a refusal is not an error. Implementations are
// safe for concurrent use and return soon after ctx is done.
type Authorizer interface {
	Authorize(ctx context.Context, r Request) (Decision, error)
}

// Func is a function that is an [Authorizer].
type Func func(ctx context.Context, r Request) (Decision, error)

// Authorize calls f.
func (f Func) Authorize(ctx context.Context, r Request) (Decision, error) { return f(ctx, r) }

// grant returns the decision that allows those of the requested actions that are in allowed.
func grant(r Request, reason string, allowed ...string) Decision {
	return Decision{Actions: r.Scope.Intersect(allowed).Actions, Reason: reason}
}

// noMatch is the decision of an authorizer that has nothing to say.
func noMatch() Decision { return Decision{NoMatch: true} }
