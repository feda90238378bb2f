package authz

import (
	"context"
	"slices"

	"github.com/berthpass/registry-auth/scope"
)

// Except returns an authorizer that grants what policy grants, without what forbidden grants: a
// rule that forbids wins over all that allow.
//
//	authz.Except(authz.First(rules...), authz.First(forbidding...))
//
// As "*" is every action for a registry, it is refused unless forbidden answers NoMatch, even when
// asked about pull, push and delete too. So a rule answers NoMatch only if it does not concern the
// subject or the resource, and not because no action that it knows was requested. It must match
// when it is unsure: a client whose address is unknown must not evade a rule about addresses.
//
// If forbidden grants "*", it forbids everything. The answer is NoMatch only if that of policy is
// and nothing requested is forbidden. If one of the two fails, Except returns its error. It panics
// if either is nil.
func Except(policy, forbidden Authorizer) BatchAuthorizer {
	notNil("Except", []Authorizer{policy, forbidden})
	return batchFunc(func(ctx context.Context, requests []Request) ([]Decision, error) {
		allowed, err := AuthorizeBatch(ctx, policy, requests)
		if err != nil {
			return nil, err
		}
		wide := slices.Clone(requests)
		for i, r := range requests {
			if r.Scope.Has(scope.ActionAll) {
				wide[i].Scope = withUsualActions(r.Scope)
			}
		}
		no, err := AuthorizeBatch(ctx, forbidden, wide)
		if err != nil {
			return nil, err
		}
		decisions := make([]Decision, len(requests))
		for i, r := range requests {
			decisions[i] = without(r, allowed[i], no[i])
		}
		return decisions, nil
	})
}

// without returns the decision without the forbidden actions.
func without(r Request, allowed, no Decision) Decision {
	if no.NoMatch {
		return allowed
	}
	forbids := func(action string) bool {
		return action == scope.ActionAll || slices.Contains(no.Actions, action) ||
			slices.Contains(no.Actions, scope.ActionAll)
	}
	if !slices.ContainsFunc(r.Scope.Actions, forbids) {
		return allowed
	}
	kept := slices.DeleteFunc(slices.Clone(allowed.Actions), forbids)
	return grant(r, no.Reason, kept...)
}

func withUsualActions(s scope.Scope) scope.Scope {
	usual := []string{scope.ActionPull, scope.ActionPush, scope.ActionDelete}
	s.Actions = slices.Concat(s.Actions, usual)
	return scope.Merge([]scope.Scope{s})[0]
}
