package acl

import (
	"context"
	"sync/atomic"

	"github.com/berthpass/registry-auth/authz"
)

// A Policy decides by a [List] that can be replaced while it is in use. The zero Policy has no rules, and so nothing to say.
// It is safe for concurrent use, and must not be copied.
type Policy struct {
	current atomic.Pointer[List]
}

var _ authz.BatchAuthorizer = (*Policy)(nil)

// NewPolicy returns a policy that decides by l.
func NewPolicy(l *List) *Policy {
	p := &Policy{}
	p.Replace(l)
	return p
}

// Replace makes l the list that decides from now on. A decision that is being made keeps the list it began with. A nil list
// has no rules.
func (p *Policy) Replace(l *List) { p.current.Store(l) }

// List returns the list that decides now, which is never nil.
func (p *Policy) List() *List {
	if l := p.current.Load(); l != nil {
		return l
	}
	return &List{}
}

// Authorize implements [authz.Authorizer].
func (p *Policy) Authorize(ctx context.Context, r authz.Request) (authz.Decision, error) {
	return p.List().Authorize(ctx, r)
}

// AuthorizeBatch implements [authz.BatchAuthorizer]: one list decides about all requests, so that no token is half of an
// old policy and half of a new one.
func (p *Policy) AuthorizeBatch(ctx context.Context, requests []authz.Request) ([]authz.Decision, error) {
	return p.List().AuthorizeBatch(ctx, requests)
}
