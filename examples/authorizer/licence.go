// Package authorizer is an example of an authorizer: customers pull what they have licences for.
package authorizer

import (
	"context"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

// Licences is an authz.Authorizer that lets customers pull the products they have a licence for.
type Licences struct {
	// LastDay is the last day of each licence, in UTC: customer → product → day.
	LastDay map[string]map[string]time.Time
	Now     func() time.Time
}

// Authorize grants pull on products/<product> and everything below it.
func (l Licences) Authorize(_ context.Context, r authz.Request) (authz.Decision, error) {
	path, ok := strings.CutPrefix(r.Scope.Name, "products/")
	if r.Scope.Type != scope.TypeRepository || !ok {
		return authz.Decision{NoMatch: true}, nil // not a product: ask the next authorizer
	}
	if r.Subject.Kind != authn.KindUser {
		// A service account can have the same name as a customer.
		return authz.Decision{Reason: "customers are users"}, nil
	}
	product, _, _ := strings.Cut(path, "/")
	lastDay, licensed := l.LastDay[r.Subject.Name][product]
	switch {
	case !licensed:
		return authz.Decision{Reason: "no licence for " + product}, nil
	case !l.Now().Before(lastDay.AddDate(0, 0, 1)):
		return authz.Decision{Reason: "licence ended on " + lastDay.Format(time.DateOnly)}, nil
	}
	return authz.Decision{
		Actions: r.Scope.Intersect([]string{scope.ActionPull}).Actions,
		Reason:  "licence for " + product + " until " + lastDay.Format(time.DateOnly),
	}, nil
}
