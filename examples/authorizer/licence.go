package main

import (
	"context"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

// licences is an authz.Authorizer that lets customers pull the products they have a licence for.
type licences struct {
	// lastDay is the last day of each licence, in UTC: customer → product → day.
	lastDay map[string]map[string]time.Time
	now     func() time.Time
}

// Authorize grants pull on products/<product> and everything below it.
func (l licences) Authorize(_ context.Context, r authz.Request) (authz.Decision, error) {
	path, ok := strings.CutPrefix(r.Scope.Name, "products/")
	if r.Scope.Type != scope.TypeRepository || !ok {
		return authz.Decision{NoMatch: true}, nil // not a product: ask the next authorizer
	}
	if r.Subject.Kind != authn.KindUser {
		// A service account can have the same name as a customer.
		return authz.Decision{Reason: "customers are users"}, nil
	}
	product, _, _ := strings.Cut(path, "/")
	lastDay, licensed := l.lastDay[r.Subject.Name][product]
	switch {
	case !licensed:
		return authz.Decision{Reason: "no licence for " + product}, nil
	case !l.now().Before(lastDay.AddDate(0, 0, 1)):
		reason := "the licence for " + product + " ended on " + lastDay.Format(time.DateOnly)
		return authz.Decision{Reason: reason}, nil
	}
	return authz.Decision{
		Actions: r.Scope.Intersect([]string{scope.ActionPull}).Actions,
		Reason:  "licence for " + product + " until " + lastDay.Format(time.DateOnly),
	}, nil
}
