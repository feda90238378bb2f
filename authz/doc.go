// Package authz decides what a subject may do.
//
// An [Authorizer] answers one question: which actions of this scope may this subject perform? An
// authorizer can be a short function:
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
// The order matters. Authorizers of shared namespaces come before [OwnNamespace]: otherwise a user
// named public would own the namespace public. Among them, those that grant push come before
// [PublicPull], which refuses it.
//
// # Three kinds of answer
//
//   - A Decision with actions grants them and refuses the other requested actions.
//   - A Decision without actions, such as the zero value, refuses all of them.
//   - A Decision with NoMatch is no answer. [First] then asks the next authorizer. If there is
//     none, nothing is granted.
//
// An error means that no decision could be made: the client gets a 503 and tries again later.
//
// # What the token server enforces
//
// The token server grants no action that was not requested, even if an authorizer returns it. It
// applies Subject.Limit after the policy, so authorizers can ignore the limit. A panic in an
// authorizer fails one request with a 500. But an authorizer can grant too many of the requested
// actions. Package authztest has tables and checks that show it.
//
// # The action "*"
//
// "*" is never expanded: Intersect compares literally, so a rule that allows "*" does not allow
// pull. Distribution treats "*" in a token as every action, so return it only for a requested "*",
// and only to those who may do everything with the resource:
//
//	allowed := r.Scope.Intersect([]string{"pull", "push", "delete", "*"})
//
// [Catalog] grants "*" on registry:catalog. [PublicPull] never grants it, and [OwnNamespace] only
// if it is one of its arguments.
//
// # The catalog
//
// The list of all repositories is registry:catalog:*, or repository::pull for zot: a repository
// with an empty name. [ByType] sends both to the authorizer of the type "registry", so an
// authorizer of repositories never sees an empty name. See [scope.Scope.IsCatalog].
package authz
