package authz

import (
	"context"
	"fmt"
)

// A BatchAuthorizer decides about several requests in one call. It is an optional ability for
// remote engines: all scopes of a token request then cost one round trip. The combinators of this
// package pass it on.
//
// AuthorizeBatch returns one decision for each request, in the same order, and does not change the
// requests. An error means that none of the decisions could be made. The token server and the
// combinators only call AuthorizeBatch, for a single request as well. Authorize must return the
// same decision, so most engines implement it as
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

// AuthorizeBatch asks a about all requests: in one call if a is a [BatchAuthorizer], otherwise one
// after the other. It returns one decision for each request, or an error. A BatchAuthorizer that
// returns a wrong number of decisions is an error.
func AuthorizeBatch(ctx context.Context, a Authorizer, requests []Request) ([]Decision, error) {
	if len(requests) == 0 {
		return nil, nil
	}
	if b, ok := a.(BatchAuthorizer); ok {
		decisions, err := b.AuthorizeBatch(ctx, requests)
		if err == nil && len(decisions) != len(requests) {
			err = fmt.Errorf("%T: %d decisions for %d requests", a, len(decisions), len(requests))
		}
		if err != nil {
			return nil, err
		}
		return decisions, nil
	}
	decisions := make([]Decision, len(requests))
	for i, r := range requests {
		var err error
		if decisions[i], err = a.Authorize(ctx, r); err != nil {
			return nil, err
		}
	}
	return decisions, nil
}

// batchFunc is a function that is a [BatchAuthorizer]. It returns one decision for each request.
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
