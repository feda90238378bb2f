package authz

import (
	"context"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
)

// AllowAll grants whatever is asked, to everybody: "*", the catalog and anonymous subjects included. It is for tests, and for
// registries in which every authenticated user is trusted with everything.
func AllowAll() Authorizer {
	return Func(func(_ context.Context, r Request) (Decision, error) {
		return grant(r, "everything is allowed", r.Scope.Actions...), nil
	})
}

// DenyAll refuses everything. Behind others in [First] it makes explicit that nothing else is granted.
func DenyAll() Authorizer {
	return Func(func(_ context.Context, r Request) (Decision, error) {
		return grant(r, "everything is denied"), nil
	})
}

// ReadOnly grants pull on every repository to every subject, anonymous ones included, and has nothing to say about other
// types of resources. Beside another authorizer in [All] it limits that one to pull.
func ReadOnly() Authorizer {
	return Func(func(_ context.Context, r Request) (Decision, error) {
		if !isRepository(r.Scope) {
			return noMatch(), nil
		}
		return grant(r, "repositories are read-only", scope.ActionPull), nil
	})
}

// OwnNamespace grants a user the actions on all repositories below its own name: alice may use alice/app and alice/team/app,
// and neither the repository alice nor alicex/app. Without actions it grants pull, push and delete.
//
// A namespace that several share has to be decided before: in First(PublicPull("public"), OwnNamespace()) nobody owns public/*, and
// in the other order a user whose name is public would.
//
// It has nothing to say about repositories elsewhere, about anonymous subjects, and about service accounts: one of those may
// have a user's name. The user's name is compared with the first path component as a whole, so a name with a slash owns nothing.
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

// PublicPull grants pull on the repositories below each prefix to everybody, anonymous subjects included. A prefix is a path
// of whole components without a slash at its end: "public" covers public/app and public/team/app, and neither the repository
// public nor publicity/app. About other repositories it has nothing to say.
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

// Catalog grants the listed users the list of all repositories, in both of its forms: registry:catalog:*, and repository::pull
// for zot. Others it refuses the catalog; about anything else it has nothing to say. Service accounts are refused, since one
// may have a user's name.
func Catalog(users ...string) Authorizer {
	return Func(func(_ context.Context, r Request) (Decision, error) {
		if !r.Scope.IsCatalog() {
			return noMatch(), nil
		}
		if !slices.ContainsFunc(users, func(name string) bool { return isUser(r.Subject, name) }) {
			return grant(r, "the catalog is for listed users"), nil
		}
		if r.Scope.Type == scope.TypeRegistry {
			return grant(r, "listed for the catalog", scope.ActionAll), nil
		}
		return grant(r, "listed for the catalog", scope.ActionPull), nil
	})
}

// isUser reports whether s is the user, and not the service account, of that name. No subject has the empty name.
func isUser(s authn.Subject, name string) bool {
	return !s.Anonymous() && s.Kind == authn.KindUser && s.Name == name
}

// isRepository reports whether s is about a repository: zot's catalog, a repository without a name, is not.
func isRepository(s scope.Scope) bool {
	return s.Type == scope.TypeRepository && s.Name != ""
}
