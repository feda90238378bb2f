package target

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

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

// VerifyAs shows a token to a registry: it is the subject's, and good for what was granted alone.
func (s *Server) VerifyAs(token, subject string, granted []scope.Scope) error {
	if err := s.registry.Verify(token, subject, granted); err != nil {
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
		return fmt.Errorf("the token of %q grants %d scopes of one", claims.Subject, len(claims.Access))
	}
	return s.VerifyAs(token, claims.Subject, claims.Access)
}
