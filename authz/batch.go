package authz

import (
	"context"
	"fmt"
)

// A BatchAuthorizer decides about several requests in one go. It is an optional ability, for engines that are a network
// away: all scopes of a token request then cost one round trip. The combinators of this package pass the ability on.
//
// AuthorizeBatch returns one decision for each request, in the same order. Its decisions are those of Authorize, which is asked when
// there is just one request; so who wraps a BatchAuthorizer wraps both. An error means that none of them could be made.
type BatchAuthorizer interface {
	Authorizer
	AuthorizeBatch(ctx context.Context, requests []Request) ([]Decision, error)
}

// AuthorizeBatch asks a about all requests: at once when a is a [BatchAuthorizer] and there are several, else one by one. It returns
// one decision for each request, or an error. A batch authorizer that returns another number of decisions is broken, which is an error.
func AuthorizeBatch(ctx context.Context, a Authorizer, requests []Request) ([]Decision, error) {
	if len(requests) == 0 {
		return nil, nil
	}
	// One request, as it mostly is, is asked as such: sorting it into batches costs more than most decisions.
	if b, ok := a.(BatchAuthorizer); ok && len(requests) > 1 {
		decisions, err := b.AuthorizeBatch(ctx, requests)
		if err == nil && len(decisions) != len(requests) {
			err = fmt.Errorf("authz: %T returned %d decisions for %d requests", a, len(decisions), len(requests))
		}
		if err != nil {
			return nil, err
		}
		return decisions, nil
	}
	decisions := make([]Decision, len(requests))
	for i, r := range requests {
		d, err := a.Authorize(ctx, r)
		if err != nil {
			return nil, err
		}
		decisions[i] = d
	}
	return decisions, nil
}

// authorizeSome asks a about the requests at the given indexes and hands each decision to use.
func authorizeSome(ctx context.Context, a Authorizer, requests []Request, indexes []int, use func(i int, d Decision)) error {
	some := make([]Request, len(indexes))
	for j, i := range indexes {
		some[j] = requests[i]
	}
	decisions, err := AuthorizeBatch(ctx, a, some)
	if err != nil {
		return err
	}
	for j, i := range indexes {
		use(i, decisions[j])
	}
	return nil
}
