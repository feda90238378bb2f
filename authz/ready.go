package authz

import (
	"context"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
)

// AllowAll grants every requested action to every subject, anonymous ones included. Use it in
// tests, or where anonymous requests are rejected before they reach the policy.
func AllowAll() Authorizer {
	return Func(func(_ context.Context, r Request) (Decision, error) {
		return grant(r, "everything is allowed", r.Scope.Actions...), nil
	})
}

// DenyAll refuses everything. At the end of [First] it makes explicit that nothing else is granted.
func DenyAll() Authorizer {
	return Func(func(_ context.Context, r Request) (Decision, error) {
		return grant(r, "everything is denied"), nil
	})
}

// OwnNamespace grants a user the actions on all repositories below the user's name: alice may use
// alice/app and alice/team/app, but neither the repository alice nor alicex/app. Without arguments
// it grants pull, push and delete. It refuses other actions on these repositories.
//
// Authorizers of shared namespaces must come before it: in First(PublicPull("public"),
// OwnNamespace()) nobody owns public/*. In the other order, a user named public would.
//
// It answers NoMatch for other repositories, for anonymous subjects, and for service accounts,
// because a service account can have the same name as a user. The user's name is compared with the
// whole first path component, so a user with a slash in the name owns nothing.
func OwnNamespace(actions ...string) Authorizer {
	if len(actions) == 0 {
		actions = []string{scope.ActionPull, scope.ActionPush, scope.ActionDelete}
	}
	return Func(func(_ context.Context, r Request) (Decision, error) {
		namespace, _, below := strings.Cut(r.Scope.Name, "/")
		if !isRepository(r.Scope) || !below || !isUser(r.Subject, namespace) {
			return noMatch(), nil
		}
		return grant(r, "own namespace", actions...), nil
	})
}

// PublicPull grants pull on the repositories below each prefix to every subject, and to anonymous
// ones where auth.Config allows them. A prefix is a path of whole components: "public" covers
// public/app and public/team/app, but neither the repository public nor publicity/app. The prefixes
// "" and "public/" cover nothing.
//
// Below a prefix it refuses all other actions, so inside [First], authorizers that grant push there
// come before it. It answers NoMatch for other repositories.
func PublicPull(prefixes ...string) Authorizer {
	return Func(func(_ context.Context, r Request) (Decision, error) {
		if !isRepository(r.Scope) {
			return noMatch(), nil
		}
		for _, prefix := range prefixes {
			if strings.HasPrefix(r.Scope.Name, prefix+"/") {
				return grant(r, "public pull of "+prefix+"/", scope.ActionPull), nil
			}
		}
		return noMatch(), nil
	})
}

// Catalog grants the listed users the list of all repositories, in both of its forms: "*" on
// registry:catalog, and pull on zot's repository without a name. It refuses other actions on them,
// and all actions to other subjects. Service accounts are never listed, because a service account
// can have the same name as a user. Catalog answers NoMatch for any other resource.
func Catalog(users ...string) Authorizer {
	return Func(func(_ context.Context, r Request) (Decision, error) {
		if !r.Scope.IsCatalog() {
			return noMatch(), nil
		}
		listed := slices.ContainsFunc(users, func(name string) bool {
			return isUser(r.Subject, name)
		})
		switch {
		case !listed:
			return grant(r, "the catalog is for listed users"), nil
		case r.Scope.Type == scope.TypeRegistry:
			return grant(r, "listed for the catalog", scope.ActionAll), nil
		default:
			return grant(r, "listed for the catalog", scope.ActionPull), nil
		}
	})
}

// isUser reports whether s is the user of that name. No subject has the empty name.
func isUser(s authn.Subject, name string) bool {
	return !s.Anonymous() && s.Kind == authn.KindUser && s.Name == name
}

// isRepository reports whether s is about a repository. Zot's catalog, which has no name, is not.
func isRepository(s scope.Scope) bool {
	return s.Type == scope.TypeRepository && s.Name != ""
}
