package policy

import (
	"context"
	"fmt"
	"strings"

	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/examples/server/internal/config"
)

// Explain says in lines for a person what is granted, which rule decides and where it stands, and which rules are close.
func Explain(ctx context.Context, cfg *config.Config, r authz.Request) (string, error) {
	var b strings.Builder
	of := rulesOf(cfg, r.Service)
	if of.List == nil {
		fmt.Fprintf(&b, "there are no rules for the service %q\n", r.Service)
	} else {
		e := of.List.Explain(r)
		b.WriteString(e.String())
		if e.Rule != 0 {
			fmt.Fprintf(&b, "rule %d is at %s\n", e.Rule, of.Position(e.Rule))
		}
		for _, near := range e.Near {
			fmt.Fprintf(&b, "rule %d is at %s\n", near.Rule, of.Position(near.Rule))
		}
		if !e.Decision.NoMatch {
			return b.String(), nil
		}
	}
	if cfg.ExtAuthz == nil {
		return b.String(), nil
	}
	d, err := Authorizer(cfg).Authorize(ctx, r)
	if err != nil {
		return b.String(), err
	}
	fmt.Fprintf(&b, "then the program is asked, and grants %q: %s\n", strings.Join(r.Scope.Intersect(d.Actions).Actions, ","), d.Reason)
	return b.String(), nil
}
