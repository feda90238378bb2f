package target

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/distribution/distribution/v3/registry/auth"
	_ "github.com/distribution/distribution/v3/registry/auth/token" // the controller's name
	"github.com/sirupsen/logrus"

	"github.com/berthpass/registry-auth/scope"
)

// Claims are what a token says.
type Claims struct {
	Issuer   string        `json:"iss"`
	Subject  string        `json:"sub"`
	Audience string        `json:"aud"`
	Access   []scope.Scope `json:"access"`
}

// ReadClaims reads a token without verifying it.
func ReadClaims(token string) (claims Claims, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims, errors.New("the token is not a JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return claims, fmt.Errorf("the token's claims: %w", err)
	}
	return claims, json.Unmarshal(payload, &claims)
}

// newController is the part of distribution that looks at tokens: what it accepts, a registry
// accepts. It trusts the certificates of a file. What it logs, for each refusal, is thrown away.
func newController(service, issuer, bundle string) (auth.AccessController, error) {
	logrus.SetOutput(io.Discard)
	return auth.GetAccessController("token", map[string]any{
		"realm": "https://auth.example.com/token", "service": service, "issuer": issuer,
		"rootcertbundle": bundle,
	})
}

// accepts says whether the token is the subject's, and good for what was granted and nothing else.
func accepts(
	registry auth.AccessController, token, subject string, granted []scope.Scope,
) error {
	r := &http.Request{Header: http.Header{"Authorization": {"Bearer " + token}}, URL: new(url.URL)}
	access := func(s scope.Scope, action string) auth.Access {
		return auth.Access{Resource: auth.Resource{Type: s.Type, Name: s.Name}, Action: action}
	}
	var all []auth.Access
	for _, s := range granted {
		for _, action := range s.Actions {
			all = append(all, access(s, action))
		}
	}
	grant, err := registry.Authorized(r, all...)
	if err != nil {
		return fmt.Errorf("distribution refuses %v: %w", granted, err)
	}
	if grant.User.Name != subject {
		return fmt.Errorf("distribution takes %q for %q", subject, grant.User.Name)
	}
	more := scope.Scope{Type: "repository", Name: "secret/app"}
	if _, err := registry.Authorized(r, access(more, "pull")); err == nil {
		return fmt.Errorf("distribution accepts a token with %v for %v", granted, more)
	}
	return nil
}

// VerifyAs shows a token to a registry.
func (s *Server) VerifyAs(token, subject string, granted []scope.Scope) error {
	if err := accepts(s.registry, token, subject, granted); err != nil {
		return err
	}
	s.Verified.Add(1)
	return nil
}

// verify is for tokens of clients that have asked for one scope and may have it.
func (s *Server) verify(token string) error {
	claims, err := ReadClaims(token)
	if err != nil {
		return err
	}
	if len(claims.Access) != 1 {
		return fmt.Errorf("one scope was asked for, and granted is %v", claims.Access)
	}
	return s.VerifyAs(token, claims.Subject, claims.Access)
}
