package authztest

import (
	"context"

	"github.com/berthpass/registry-auth/authz"
)

// WithContext returns a policy that calls the given one with a changed context, for policies that
// read values from it. Requests with other values need another call of Run:
//
//	acme := authztest.WithContext(policy, func(ctx context.Context) context.Context {
//		return context.WithValue(ctx, tenantKey{}, "acme")
//	})
//	authztest.Run(t, acme, cases)
func WithContext(
	policy authz.Authorizer, change func(context.Context) context.Context,
) authz.BatchAuthorizer {
	return contextual{policy, change}
}

type contextual struct {
	policy authz.Authorizer
	change func(context.Context) context.Context
}

func (c contextual) Authorize(ctx context.Context, r authz.Request) (authz.Decision, error) {
	return c.policy.Authorize(c.change(ctx), r)
}

func (c contextual) AuthorizeBatch(
	ctx context.Context, requests []authz.Request,
) ([]authz.Decision, error) {
	return authz.AuthorizeBatch(c.change(ctx), c.policy, requests)
}
