package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/berthpass/registry-auth/scope"
)

// ErrMalformedRequest means that a request is malformed or ambiguous, so that its scopes cannot be
// determined. [RegistryScopes] returns it, and [Require] answers it with 400.
var ErrMalformedRequest = errors.New("malformed request")

// repositoryPath matches from the end, since a component of the repository's name may be "blobs" or
// "tags". Its groups are the name and, for an upload, the rest.
var repositoryPath = regexp.MustCompile(`^/v2/(.+)/` +
	`(?:(blobs/uploads(?:/[^/]*)?)|(?:manifests|blobs|tags|referrers)/[^/]+)$`)

// RegistryScopes returns the scopes that a request to a registry needs (OCI distribution
// specification, "Endpoints"):
//
//   - /v2/: none, only a valid token
//   - /v2/_catalog: registry:catalog:*
//   - /v2/<name>/(manifests|blobs|tags|referrers)/…: pull for GET and HEAD, delete for DELETE,
//     pull and push for any other method
//   - /v2/<name>/blobs/uploads/…: pull and push for any method; a cross-repository mount,
//     ?mount=<digest>&from=<other>, also needs pull on the other repository
//
// Any other path is an error, and so is a request that a registry may read differently. The error
// wraps [ErrMalformedRequest] or a *[scope.ParseError]. The request must not reach the registry.
func RegistryScopes(r *http.Request) ([]scope.Scope, error) {
	match := repositoryPath.FindStringSubmatch(r.URL.Path)
	switch p := r.URL.Path; {
	case path.Clean(p) != strings.TrimSuffix(p, "/"),
		strings.Count(r.URL.EscapedPath(), "/") != strings.Count(p, "/"):
		// A registry that cleans or decodes the path would see another repository.
		return nil, fmt.Errorf("%w: the path is ambiguous", ErrMalformedRequest)
	case p == "/v2", p == "/v2/":
		return nil, nil
	case p == "/v2/_catalog":
		return scopeOf(scope.TypeRegistry, "catalog", scope.ActionAll)
	case match == nil:
		return nil, fmt.Errorf("%w: the path is not part of the registry API", ErrMalformedRequest)
	}
	name, upload := match[1], match[2] != ""
	switch {
	case upload && r.Method == http.MethodPost:
		return uploadScopes(r, name)
	case !upload && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		return scopeOf(scope.TypeRepository, name, scope.ActionPull)
	case !upload && r.Method == http.MethodDelete:
		return scopeOf(scope.TypeRepository, name, scope.ActionDelete)
	default:
		return scopeOf(scope.TypeRepository, name, scope.ActionPull+","+scope.ActionPush)
	}
}

// uploadScopes returns the scopes for the start of an upload, which may mount a blob from another
// repository.
func uploadScopes(r *http.Request, name string) ([]scope.Scope, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(query["from"]) > 1 {
		return nil, fmt.Errorf("%w: the query is not well-formed", ErrMalformedRequest)
	}
	// Some registries read "from" in a form as well, and prefer it there.
	if t := r.Header.Get("Content-Type"); strings.Contains(strings.ToLower(t), "form") {
		return nil, fmt.Errorf("%w: an upload is not started with a form", ErrMalformedRequest)
	}
	needed, err := scopeOf(scope.TypeRepository, name, scope.ActionPull+","+scope.ActionPush)
	if from := query.Get("from"); from != "" && err == nil {
		var source []scope.Scope
		source, err = scopeOf(scope.TypeRepository, from, scope.ActionPull)
		needed = scope.Merge(append(needed, source...))
	}
	if err != nil {
		return nil, err
	}
	return needed, nil
}

func scopeOf(resourceType, name, actions string) ([]scope.Scope, error) {
	s, err := scope.Parse(resourceType + ":" + name + ":" + actions)
	if err != nil {
		return nil, fmt.Errorf("the scope of the request: %w", err)
	}
	return []scope.Scope{s}, nil
}
