package authz

import (
	"context"
	"net/netip"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
)

// A Request asks which actions of a scope a subject may perform.
type Request struct {
	// Subject may be the anonymous subject. Authorizers must not change its Labels or its Limit.
	// They can ignore the Limit, which the token server applies after the policy. Data is nil for
	// the anonymous subject, and where the source sets none.
	Subject authn.Subject `json:"subject"`
	// Service is the registry that the token is for.
	Service string `json:"service"`
	// Scope is the resource with the requested actions, as [scope.Parse] and [scope.Merge] return
	// it. Actions may be empty. Authorizers must not change them.
	Scope scope.Scope `json:"scope"`
	// RemoteAddr is the client's address. The zero Addr means that it is unknown. By default, the
	// token server converts IPv4-mapped IPv6 addresses to IPv4.
	RemoteAddr netip.Addr `json:"remote_addr,omitzero"`
	// ClientID names the client's software. The client chooses it, so it proves nothing.
	ClientID string `json:"client_id,omitempty"`
}

// A Decision is the answer to a [Request]. Its zero value refuses.
type Decision struct {
	// Actions are the granted actions. Use [scope.Scope.Intersect] to stay within the requested
	// actions; the token server drops any others. "*" is an action like any other: grant it only if
	// it was requested.
	Actions []string `json:"actions"`
	// Reason names the rule or the cause, for the audit log and for tests. Clients do not see it.
	Reason string `json:"reason,omitempty"`
	// NoMatch means that the authorizer has no rule for the request. Actions is then ignored.
	NoMatch bool `json:"no_match,omitempty"`
}

// An Authorizer decides which of the requested actions a subject may perform.
//
// Authorize returns a [Decision], or an error if none could be made. A refusal is not an error.
// Implementations must be safe for concurrent use and return soon after ctx is done.
type Authorizer interface {
	Authorize(ctx context.Context, r Request) (Decision, error)
}

// Func adapts a function to the [Authorizer] interface.
type Func func(ctx context.Context, r Request) (Decision, error)

// Authorize calls f.
func (f Func) Authorize(ctx context.Context, r Request) (Decision, error) { return f(ctx, r) }

// grant returns the decision that grants the requested actions that are in allowed.
func grant(r Request, reason string, allowed ...string) Decision {
	return Decision{Actions: r.Scope.Intersect(allowed).Actions, Reason: reason}
}

func noMatch() Decision { return Decision{NoMatch: true} }
