// Package authz decides what a subject may do.
//
// An [Authorizer] answers one question: which of the actions of this scope may this subject do? Ten
// lines of Go are one:
//
//	staff := authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
//		if !slices.Contains(r.Subject.Labels["group"], "staff") {
//			return authz.Decision{NoMatch: true}, nil
//		}
//		allowed := r.Scope.Intersect([]string{"pull"})
//		return authz.Decision{Actions: allowed.Actions, Reason: "staff may pull"}, nil
//	})
//
// Combinators build one policy from several authorizers. They are authorizers themselves:
//
//	policy := authz.ByType{
//		"repository": authz.First(authz.PublicPull("public"), authz.OwnNamespace(), staff),
//		"registry":   authz.Catalog("admin"),
//	}
//
// The order matters. Shared namespaces come before those of single users: otherwise a user named
// public would own the namespace public.
//
// # Three kinds of answer
//
//   - A Decision with actions grants them.
//   - A Decision without actions, such as the zero value, refuses. This is final: [First] does not
//     ask the next authorizer.
//   - A Decision with NoMatch is no answer. [First] asks the next authorizer. If there is none,
//     nothing is granted.
//
// NoMatch is a field of the decision and not an error, unlike in package authn, because a remote
// engine decides about several scopes in one call (see [BatchAuthorizer]) and may have no match for
// some of them. An error always means that no decision could be made: the client gets a 503 and
// tries again later.
//
// # The limits of an authorizer
//
// The token server grants no action that was not requested, even if an authorizer returns it. A
// panic in an authorizer fails one request with a 500. But an authorizer can grant too much of what
// was requested. Package authztest has tables and checks that show it.
//
// # The catalog
//
// The list of all repositories is registry:catalog:*, or repository::pull for zot: a repository
// with an empty name. [ByType] sends both to the authorizer of the type "registry", so an
// authorizer of repositories never sees an empty name. See [scope.Scope.IsCatalog].
package authz
