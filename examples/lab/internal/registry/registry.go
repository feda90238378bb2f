// Package registry is the part of distribution that looks at tokens: what it accepts, a registry accepts.
package registry

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/distribution/distribution/v3/registry/auth"
	_ "github.com/distribution/distribution/v3/registry/auth/token" // the access controller of that name
	"github.com/sirupsen/logrus"

	"github.com/berthpass/registry-auth/scope"
)

// A Registry says which tokens are good. It is safe for concurrent use; New makes one.
type Registry struct{ controller auth.AccessController }

// New returns a registry that is called service and trusts tokens of issuer, which the certificates in the file bundle verify.
// What distribution logs is thrown away, in the whole process.
func New(service, issuer, bundle string) (*Registry, error) {
	logrus.SetOutput(io.Discard) // it is where distribution says why, once for each entry that it ignores
	controller, err := auth.GetAccessController("token", map[string]any{
		"realm": "https://auth.example.com/token", "service": service, "issuer": issuer, "rootcertbundle": bundle,
	})
	if err != nil {
		return nil, fmt.Errorf("distribution: %w", err)
	}
	return &Registry{controller}, nil
}

// Verify says whether the token is the subject's, and good for everything that was granted and for nothing else.
func (r *Registry) Verify(token, subject string, granted []scope.Scope) error {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://registry.example.com/v2/", http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	var access []auth.Access
	for _, s := range granted {
		for _, action := range s.Actions {
			access = append(access, auth.Access{Resource: auth.Resource{Type: s.Type, Name: s.Name}, Action: action})
		}
	}
	grant, err := r.controller.Authorized(request, access...)
	if err != nil {
		return fmt.Errorf("distribution refuses %v: %w", granted, err)
	}
	if grant.User.Name != subject {
		return fmt.Errorf("distribution takes %q for %q", subject, grant.User.Name)
	}
	more := auth.Access{Resource: auth.Resource{Type: "repository", Name: "secret/app"}, Action: "pull"}
	if _, err := r.controller.Authorized(request, more); err == nil {
		return fmt.Errorf("distribution accepts a token with %v for %v", granted, more)
	}
	return nil
}
