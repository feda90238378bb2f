package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
)

// policy is that of the server and of its test. ByType keeps zot's name for its catalog, which is a
// repository without a name, from rules that grant every name. What one rule grants is granted:
// with Any, members of a team may push to what everybody may pull.
func policy(rules []authz.Authorizer) authz.Authorizer {
	return authz.ByType{"repository": authz.Any(rules...)}
}

func (p *portal) rules() []authz.Authorizer {
	own := authz.First(authz.Func(teamSpace), authz.OwnNamespace()) // nobody owns teams/ by name
	return []authz.Authorizer{authz.Func(p.published), own}
}

// published lets everybody pull the repositories that the database says are public.
func (p *portal) published(ctx context.Context, r authz.Request) (authz.Decision, error) {
	_, err := row(ctx, p, p.public, r.Scope.Name)
	switch {
	case errors.Is(err, authn.ErrNoMatch):
		return authz.Decision{NoMatch: true}, nil
	case err != nil: // an outage: the client gets a 503, and no token that allows too little
		return authz.Decision{}, err
	}
	allowed := r.Scope.Intersect([]string{"pull"})
	return authz.Decision{Actions: allowed.Actions, Reason: "public"}, nil
}

// teams are the Data of the portal's subjects.
type teams []string

// teamSpace lets the members of a team pull and push below teams/<team>/, and nobody else.
func teamSpace(_ context.Context, r authz.Request) (authz.Decision, error) {
	path := strings.Split(r.Scope.Name, "/")
	if path[0] != "teams" {
		return authz.Decision{NoMatch: true}, nil // the next authorizer is asked
	}
	own, _ := r.Subject.Data.(teams)
	if len(path) < 3 || !slices.Contains(own, path[1]) {
		return authz.Decision{Reason: "not a member of the team"}, nil
	}
	allowed := r.Scope.Intersect([]string{"pull", "push"})
	return authz.Decision{Actions: allowed.Actions, Reason: "member of " + path[1]}, nil
}
