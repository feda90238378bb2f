package authz

import (
	"context"
	"fmt"
)

// A BatchAuthorizer decides on several requests in one call. It is an optional ability for remote
// engines: all scopes of a token request then cost one round trip. The combinators of this package
// pass it on.
//
// AuthorizeBatch must return one decision for each request, in the same order, and not change the
// requests. An error means that no decision is known for any of them.
//
// If an authorizer implements BatchAuthorizer, the token server and the combinators never call its
// Authorize method, not even for a single request. Authorize must return the same decision, so most
// engines implement it as
//
//	func (e *Engine) Authorize(ctx context.Context, r authz.Request) (authz.Decision, error) {
//		decisions, err := authz.AuthorizeBatch(ctx, e, []authz.Request{r})
//		if err != nil {
//			return authz.Decision{}, err
//		}
//		return decisions[0], nil
//	}
type BatchAuthorizer interface {
	Authorizer
	AuthorizeBatch(ctx context.Context, requests []Request) ([]Decision, error)
}

// AuthorizeBatch asks policy for a decision on each request: in one call if it is a
// [BatchAuthorizer], otherwise one after the other. It returns one decision for each request, or
// the first error. A wrong number of decisions from a BatchAuthorizer is an error.
func AuthorizeBatch(
	ctx context.Context, policy Authorizer, requests []Request,
) ([]Decision, error) {
	if len(requests) == 0 {
		return nil, nil
	}
	if b, ok := policy.(BatchAuthorizer); ok {
		decisions, err := b.AuthorizeBatch(ctx, requests)
		if n := len(decisions); err == nil && n != len(requests) {
			err = fmt.Errorf("%T: %d decisions for %d requests", policy, n, len(requests))
		}
		if err != nil {
			return nil, err
		}
		return decisions, nil
	}
	decisions := make([]Decision, len(requests))
	for i, r := range requests {
		var err error
		if decisions[i], err = policy.Authorize(ctx, r); err != nil {
			return nil, err
		}
	}
	return decisions, nil
}

// batchFunc adapts a function to the BatchAuthorizer interface. The function must return one
// decision for each request.
type batchFunc func(ctx context.Context, requests []Request) ([]Decision, error)

func (f batchFunc) AuthorizeBatch(ctx context.Context, requests []Request) ([]Decision, error) {
	return f(ctx, requests)
}

func (f batchFunc) Authorize(ctx context.Context, r Request) (Decision, error) {
	decisions, err := f(ctx, []Request{r})
	if err != nil {
		return Decision{}, err
	}
	return decisions[0], nil
}

// decideSome asks a about the requests at the given indexes and sets their decisions.
func decideSome(
	ctx context.Context, a Authorizer, requests []Request, indexes []int, decisions []Decision,
) error {
	some := make([]Request, len(indexes))
	for i, index := range indexes {
		some[i] = requests[index]
	}
	made, err := AuthorizeBatch(ctx, a, some)
	if err != nil {
		return err
	}
	for i, index := range indexes {
		decisions[index] = made[i]
	}
	return nil
}
