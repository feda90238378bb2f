package authz

import (
	"context"

	"github.com/berthpass/registry-auth/scope"
)

// ByType asks the authorizer of the scope's resource type, much as http.ServeMux asks the handler of a path. It has nothing
// to say about a type that is not in the map, so an unknown type is granted nothing.
//
// A scope about the catalog goes to the type "registry" in both of its forms, registry:catalog and zot's repository with an
// empty name: an authorizer of the type "repository" always sees a name. The map must not be changed while it is in use.
type ByType map[string]Authorizer

var _ BatchAuthorizer = ByType(nil)

// Authorize implements [Authorizer].
func (m ByType) Authorize(ctx context.Context, r Request) (Decision, error) {
	return ask(ctx, m[typeOf(r)], r)
}

// AuthorizeBatch implements [BatchAuthorizer] with one batch for each type.
func (m ByType) AuthorizeBatch(ctx context.Context, requests []Request) ([]Decision, error) {
	return route(ctx, m, requests, typeOf)
}

func typeOf(r Request) string {
	if r.Scope.IsCatalog() {
		return scope.TypeRegistry
	}
	return r.Scope.Type
}

// ByService asks the authorizer of the requested service. It has nothing to say about a service that is not in the map. The
// map must not be changed while it is in use.
type ByService map[string]Authorizer

var _ BatchAuthorizer = ByService(nil)

// Authorize implements [Authorizer].
func (m ByService) Authorize(ctx context.Context, r Request) (Decision, error) {
	return ask(ctx, m[serviceOf(r)], r)
}

// AuthorizeBatch implements [BatchAuthorizer] with one batch for each service.
func (m ByService) AuthorizeBatch(ctx context.Context, requests []Request) ([]Decision, error) {
	return route(ctx, m, requests, serviceOf)
}

func serviceOf(r Request) string { return r.Service }

// ask asks the authorizer that a map has for a request, if any.
func ask(ctx context.Context, a Authorizer, r Request) (Decision, error) {
	if a == nil {
		return noMatch(), nil
	}
	return a.Authorize(ctx, r)
}

// route asks for each request the authorizer at its key, with one batch for each key.
func route(ctx context.Context, routes map[string]Authorizer, requests []Request, key func(Request) string) ([]Decision, error) {
	decisions := make([]Decision, len(requests))
	var keys []string
	indexes := make(map[string][]int)
	for i, r := range requests {
		k := key(r)
		if routes[k] == nil {
			decisions[i] = noMatch()
			continue
		}
		if indexes[k] == nil {
			keys = append(keys, k)
		}
		indexes[k] = append(indexes[k], i)
	}
	for _, k := range keys {
		err := authorizeSome(ctx, routes[k], requests, indexes[k], func(i int, d Decision) { decisions[i] = d })
		if err != nil {
			return nil, err
		}
	}
	return decisions, nil
}
