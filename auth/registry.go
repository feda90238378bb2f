package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/scope"
)

var (
	// ErrMalformedRequest means that a request is wrong in itself, so that nobody can say which scopes it needs.
	ErrMalformedRequest = errors.New("malformed request")

	errNotRegistry = fmt.Errorf("%w: not one of the registry API", ErrMalformedRequest)
)

// RegistryScopes says which scopes a request to a registry needs (OCI distribution specification, "Endpoints"):
//
//   - /v2/: none, just a valid token
//   - /v2/_catalog: registry:catalog:*
//   - /v2/<name>/(manifests|blobs|tags|referrers)/…: pull for GET and HEAD, pull and push for POST, PUT and PATCH, delete for
//     DELETE; everything about an upload, cancelling it too, needs pull and push
//   - a cross-repository mount, ?mount=<digest>&from=<other>: also pull on the other repository
//
// An error wraps [ErrMalformedRequest] or a *[scope.ParseError]: the request is not well-formed, or it could be read in two ways;
// it must not reach the registry.
func RegistryScopes(r *http.Request) ([]scope.Scope, error) {
	segments, err := pathSegments(r.URL)
	if err != nil {
		return nil, err
	}
	switch {
	case len(segments) == 0 || len(segments) == 1 && segments[0] == "":
		return nil, nil
	case len(segments) == 1 && segments[0] == "_catalog":
		return []scope.Scope{{Type: scope.TypeRegistry, Name: "catalog", Actions: []string{scope.ActionAll}}}, nil
	}
	name, upload, err := repositoryOf(segments)
	if err != nil {
		return nil, err
	}
	needed, err := repositoryScope(name, actionsFor(r.Method, upload))
	if err != nil {
		return nil, err
	}
	source, err := mountSource(r, upload)
	if err != nil {
		return nil, err
	}
	return scope.Merge(append([]scope.Scope{needed}, source...)), nil
}

// pathSegments splits what follows /v2/. An escaped slash and dot segments would be another repository to whoever decodes or
// cleans the path, so they are refused.
func pathSegments(u *url.URL) ([]string, error) {
	path, ok := strings.CutPrefix(u.Path, "/v2")
	if !ok || strings.Count(u.EscapedPath(), "/") != strings.Count(u.Path, "/") {
		return nil, errNotRegistry
	}
	if path == "" {
		return nil, nil
	}
	path, ok = strings.CutPrefix(path, "/")
	segments := strings.Split(path, "/")
	if !ok || slices.Contains(segments, ".") || slices.Contains(segments, "..") {
		return nil, errNotRegistry
	}
	return segments, nil
}

// repositoryOf finds the repository's name from the end of the path, since a component of it may be called blobs or tags.
func repositoryOf(segments []string) (name string, upload bool, err error) {
	n := len(segments)
	switch {
	case n >= 4 && segments[n-3] == "blobs" && segments[n-2] == "uploads":
		return strings.Join(segments[:n-3], "/"), true, nil
	case n >= 3 && segments[n-1] != "" && slices.Contains([]string{"manifests", "blobs", "tags", "referrers"}, segments[n-2]):
		return strings.Join(segments[:n-2], "/"), segments[n-2] == "blobs" && segments[n-1] == "uploads", nil
	default:
		return "", false, errNotRegistry
	}
}

func actionsFor(method string, upload bool) string {
	switch {
	case upload:
		return scope.ActionPull + "," + scope.ActionPush
	case method == http.MethodGet, method == http.MethodHead:
		return scope.ActionPull
	case method == http.MethodDelete:
		return scope.ActionDelete
	default:
		return scope.ActionPull + "," + scope.ActionPush
	}
}

// mountSource is the repository that an upload mounts a blob from, to be pulled from.
func mountSource(r *http.Request, upload bool) ([]scope.Scope, error) {
	if !upload || r.Method != http.MethodPost {
		return nil, nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(query["from"]) > 1 {
		return nil, fmt.Errorf("%w: the query is not well-formed", ErrMalformedRequest)
	}
	// Some registries read from in a form as well, and prefer it there.
	if t := r.Header.Get("Content-Type"); strings.Contains(strings.ToLower(t), "form") {
		return nil, fmt.Errorf("%w: an upload is not started with a form", ErrMalformedRequest)
	}
	from := query.Get("from")
	if from == "" {
		return nil, nil
	}
	source, err := repositoryScope(from, scope.ActionPull)
	if err != nil {
		return nil, err
	}
	return []scope.Scope{source}, nil
}

func repositoryScope(name, actions string) (scope.Scope, error) {
	if name == "" {
		return scope.Scope{}, errNotRegistry // to zot, a repository with an empty name is the catalog
	}
	s, err := scope.Parse(scope.TypeRepository + ":" + name + ":" + actions)
	if err != nil {
		return scope.Scope{}, fmt.Errorf("repository name: %w", err)
	}
	return s, nil
}
