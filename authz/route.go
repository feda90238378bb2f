package authz

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/berthpass/registry-auth/scope"
)

// ByType asks the authorizer of the scope's resource type. For a type that is not in the map, it
// answers NoMatch. If the map holds a nil authorizer, requests that need it fail with an error. The
// map must not be changed while it is in use.
//
// Both forms of the catalog, registry:catalog and zot's repository with an empty name, go unchanged
// to the type "registry". An authorizer of the type "repository" never sees an empty name.
type ByType map[string]Authorizer

var _ BatchAuthorizer = ByType(nil)

// Authorize implements [Authorizer].
func (m ByType) Authorize(ctx context.Context, r Request) (Decision, error) {
	return batchFunc(m.AuthorizeBatch).Authorize(ctx, r)
}

// AuthorizeBatch implements [BatchAuthorizer] with one batch for each type.
func (m ByType) AuthorizeBatch(ctx context.Context, requests []Request) ([]Decision, error) {
	return route(ctx, m, requests, func(r Request) string {
		if r.Scope.IsCatalog() {
			return scope.TypeRegistry
		}
		return r.Scope.Type
	})
}

// ByService asks the authorizer of the requested service. For a service that is not in the map, it
// answers NoMatch. If the map holds a nil authorizer, requests that need it fail with an error. The
// map must not be changed while it is in use.
type ByService map[string]Authorizer

var _ BatchAuthorizer = ByService(nil)

// Authorize implements [Authorizer].
func (m ByService) Authorize(ctx context.Context, r Request) (Decision, error) {
	return batchFunc(m.AuthorizeBatch).Authorize(ctx, r)
}

// AuthorizeBatch implements [BatchAuthorizer] with one batch for each service.
func (m ByService) AuthorizeBatch(ctx context.Context, requests []Request) ([]Decision, error) {
	return route(ctx, m, requests, func(r Request) string { return r.Service })
}

// route asks the authorizer at each request's key, with one batch for each key.
func route(
	ctx context.Context, routes map[string]Authorizer, requests []Request, key func(Request) string,
) ([]Decision, error) {
	decisions := make([]Decision, len(requests))
	indexes := make(map[string][]int)
	for i, r := range requests {
		decisions[i] = noMatch()
		k := key(r)
		indexes[k] = append(indexes[k], i)
	}
	for _, k := range slices.Sorted(maps.Keys(indexes)) {
		a, found := routes[k]
		switch {
		case !found:
			continue
		case a == nil:
			return nil, fmt.Errorf("no decision: the authorizer of %q is nil", k)
		}
		if err := decideSome(ctx, a, requests, indexes[k], decisions); err != nil {
			return nil, err
		}
	}
	return decisions, nil
}
