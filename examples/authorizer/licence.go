package main

import (
	"context"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

// licences decides who may pull which product. It is an authz.Authorizer, and all that a registry needs to sell images.
type licences struct {
	// lastDay says until when: customer → product → last day, UTC.
	lastDay map[string]map[string]time.Time
	now     func() time.Time
}

// Authorize lets a customer pull what it has a licence for: products/<product> and everything below it.
func (l licences) Authorize(_ context.Context, r authz.Request) (authz.Decision, error) {
	path, ok := strings.CutPrefix(r.Scope.Name, "products/")
	if r.Scope.Type != scope.TypeRepository || !ok {
		return authz.Decision{NoMatch: true}, nil // not about a product: another authorizer may know
	}
	if r.Subject.Kind != authn.KindUser {
		return authz.Decision{Reason: "customers are users"}, nil // a service account may have a customer's name
	}
	product, _, _ := strings.Cut(path, "/")
	lastDay, licensed := l.lastDay[r.Subject.Name][product]
	switch {
	case !licensed:
		return authz.Decision{Reason: "no licence for " + product}, nil
	case !l.now().Before(lastDay.AddDate(0, 0, 1)):
		return authz.Decision{Reason: "the licence for " + product + " ended on " + lastDay.Format(time.DateOnly)}, nil
	}
	return authz.Decision{
		Actions: r.Scope.Intersect([]string{scope.ActionPull}).Actions,
		Reason:  "licence for " + product + " until " + lastDay.Format(time.DateOnly),
	}, nil
}
