package main

import (
	"context"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/authz"
)

// rules are those of the server and of its test, in their order.
func rules() []authz.Authorizer {
	return []authz.Authorizer{authz.Func(teamSpace), authz.OwnNamespace()}
}

// teams are the Data of the portal's subjects.
type teams []string

// teamSpace lets the members of a team pull and push below teams/<team>/, and nobody else.
func teamSpace(_ context.Context, r authz.Request) (authz.Decision, error) {
	path := strings.Split(r.Scope.Name, "/")
	if r.Scope.Type != "repository" || path[0] != "teams" {
		return authz.Decision{NoMatch: true}, nil // the next authorizer is asked
	}
	own, _ := r.Subject.Data.(teams)
	if len(path) < 3 || !slices.Contains(own, path[1]) {
		return authz.Decision{Reason: "not a member of the team"}, nil
	}
	allowed := r.Scope.Intersect([]string{"pull", "push"})
	return authz.Decision{Actions: allowed.Actions, Reason: "member of " + path[1]}, nil
}
