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

// ErrMalformedRequest means that nobody can say which scopes a request needs, since the request
// itself is wrong.
var ErrMalformedRequest = errors.New("malformed request")

var errNotRegistry = fmt.Errorf("%w: not one of the registry API", ErrMalformedRequest)

// RegistryScopes returns the scopes that a request to a registry needs (OCI distribution
// specification, "Endpoints"):
//
//   - /v2/: none, only a valid token
//   - /v2/_catalog: registry:catalog:*
//   - /v2/<name>/(manifests|blobs|tags|referrers)/…: pull for GET and HEAD, pull and push for POST,
//     PUT and PATCH, delete for DELETE; everything about an upload needs pull and push
//   - a cross-repository mount, ?mount=<digest>&from=<other>: also pull on the other repository
//
// An error wraps [ErrMalformedRequest] or a *[scope.ParseError]. Such a request is malformed or
// ambiguous and must not reach the registry.
func RegistryScopes(r *http.Request) ([]scope.Scope, error) {
	segments, err := pathSegments(r.URL)
	if err != nil {
		return nil, err
	}
	switch {
	case len(segments) == 0 || len(segments) == 1 && segments[0] == "":
		return nil, nil
	case len(segments) == 1 && segments[0] == "_catalog":
		return []scope.Scope{{
			Type: scope.TypeRegistry, Name: "catalog", Actions: []string{scope.ActionAll},
		}}, nil
	}
	name, upload, err := repositoryOf(segments)
	if err != nil {
		return nil, err
	}
	needed, err := repositoryScope(name, actionsFor(r.Method, upload))
	if err != nil || !upload || r.Method != http.MethodPost {
		return needed, err
	}
	source, err := mountSource(r)
	if err != nil {
		return nil, err
	}
	return scope.Merge(append(needed, source...)), nil
}

// pathSegments splits what follows /v2/. It refuses escaped slashes and dot segments: a registry
// that decodes or cleans the path would see another repository.
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

// repositoryOf reads the path from its end, since a component of the repository's name may be
// "blobs" or "tags".
func repositoryOf(segments []string) (name string, upload bool, err error) {
	parts := []string{"manifests", "blobs", "tags", "referrers"}
	n := len(segments)
	switch {
	case n >= 4 && segments[n-3] == "blobs" && segments[n-2] == "uploads":
		return strings.Join(segments[:n-3], "/"), true, nil
	case n >= 3 && segments[n-1] != "" && slices.Contains(parts, segments[n-2]):
		upload = segments[n-2] == "blobs" && segments[n-1] == "uploads"
		return strings.Join(segments[:n-2], "/"), upload, nil
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

// mountSource returns the scope for the repository that an upload mounts a blob from, if any.
func mountSource(r *http.Request) ([]scope.Scope, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(query["from"]) > 1 {
		return nil, fmt.Errorf("%w: the query is not well-formed", ErrMalformedRequest)
	}
	// Some registries read "from" in a form as well, and prefer it there.
	if t := r.Header.Get("Content-Type"); strings.Contains(strings.ToLower(t), "form") {
		return nil, fmt.Errorf("%w: an upload is not started with a form", ErrMalformedRequest)
	}
	from := query.Get("from")
	if from == "" {
		return nil, nil
	}
	return repositoryScope(from, scope.ActionPull)
}

func repositoryScope(name, actions string) ([]scope.Scope, error) {
	if name == "" { // to zot, the catalog
		return nil, errNotRegistry
	}
	s, err := scope.Parse(scope.TypeRepository + ":" + name + ":" + actions)
	if err != nil {
		return nil, fmt.Errorf("repository name: %w", err)
	}
	return []scope.Scope{s}, nil
}
