package acl

import (
	"context"
	"sync/atomic"

	"github.com/berthpass/registry-auth/authz"
)

// A Policy decides by a [List] that can be replaced while the policy is in use. The zero Policy has
// no rules. A Policy is safe for concurrent use and must not be copied.
type Policy struct {
	current atomic.Pointer[List]
}

var _ authz.BatchAuthorizer = (*Policy)(nil)

// Replace installs l for all decisions that start later. A nil list has no rules.
func (p *Policy) Replace(l *List) { p.current.Store(l) }

// List returns the current list, which is never nil.
func (p *Policy) List() *List {
	if l := p.current.Load(); l != nil {
		return l
	}
	return &List{}
}

// Authorize decides like [List.Authorize].
func (p *Policy) Authorize(ctx context.Context, r authz.Request) (authz.Decision, error) {
	return p.List().Authorize(ctx, r)
}

// AuthorizeBatch decides each request like [List.Authorize]. One list decides all, so that a token
// never mixes an old policy with a new one.
func (p *Policy) AuthorizeBatch(
	ctx context.Context, requests []authz.Request,
) ([]authz.Decision, error) {
	return authz.AuthorizeBatch(ctx, p.List(), requests)
}
