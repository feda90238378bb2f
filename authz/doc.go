// Package authz decides what a subject may do.
//
// An [Authorizer] is asked one question at a time: which of the actions of this scope may this subject do? Ten lines of Go
// answer it:
//
//	staff := authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
//		if slices.Contains(r.Subject.Labels["group"], "staff") {
//			return authz.Decision{Actions: r.Scope.Intersect([]string{"pull"}).Actions, Reason: "staff may pull"}, nil
//		}
//		return authz.Decision{NoMatch: true}, nil
//	})
//
// Combinators make one policy of several, and have the type that they combine, so that a policy reads as a sentence:
//
//	policy := authz.ByType{
//		"repository": authz.First(authz.PublicPull("public"), authz.OwnNamespace(), staff),
//		"registry":   authz.Catalog("admin"),
//	}
//
// The order matters: what several share is decided before what belongs to a user by name, or a user named public would own it.
//
// # Three kinds of answer
//
//   - a Decision with actions grants them;
//   - a Decision without actions, the zero value among them, refuses, and that is final: [First] asks no further;
//   - a Decision with NoMatch says nothing about this request: the next authorizer is asked, and nothing is granted when
//     there is none.
//
// "No match" is a field of the decision and not an error, as it is in package authn, because a remote engine that is
// asked about several scopes at once (see [BatchAuthorizer]) has to say it for some of them. An error always means that
// no decision could be made; the client reads 503 and tries again later.
//
// # What an authorizer cannot do
//
// The token server grants nothing that was not asked for, whatever an authorizer returns, and a panicking one costs one
// request a 500. What it can do is grant too much of what was asked; package authztest has the tables and checks that
// show it.
//
// # The catalog
//
// The list of all repositories is registry:catalog:*, and for zot repository::pull, a repository with an empty name.
// [ByType] sends both to the authorizer of the type "registry", so that an authorizer of repositories never sees the
// latter. See [scope.Scope.IsCatalog].
package authz
