package token

import (
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/berthpass/registry-auth/scope"
)

// Claims are what a verified token says. The zero value says nothing and allows nothing.
type Claims struct {
	// Issuer is "iss": who issued the token.
	Issuer string
	// Subject is "sub": who may use it. Empty is the anonymous subject.
	Subject string
	// Audience is the one of the token's audiences that the verifier was made for.
	Audience string
	// ExpiresAt is "exp", in UTC.
	ExpiresAt time.Time
	// NotBefore is "nbf", or the zero time when the token does not say.
	NotBefore time.Time
	// IssuedAt is "iat", or the zero time when the token does not say.
	IssuedAt time.Time
	// ID is "jti".
	ID string
	// Access is "access": what the token allows.
	Access []scope.Scope
}

// Allows reports whether the token allows all of the scope's actions on its resource. Type and name are compared
// exactly; "*" in the token is every action, as for distribution. A scope without an action is never allowed, since a
// check that asks for nothing is a mistake.
func (c Claims) Allows(s scope.Scope) bool {
	return len(s.Actions) > 0 && len(c.Missing(s)) == 0
}

// Missing returns those of the scope's actions that the token does not allow.
func (c Claims) Missing(s scope.Scope) []string {
	var missing []string
	for _, action := range s.Actions {
		allowed := slices.ContainsFunc(c.Access, func(entry scope.Scope) bool {
			return entry.SameResource(s) && (entry.Has(action) || entry.Has(scope.ActionAll))
		})
		if !allowed {
			missing = append(missing, action)
		}
	}
	return missing
}

// receivedClaims is the payload of any issuer's token. The decoder of go-jose compares names exactly and refuses an object
// that has one twice, unlike that of the standard library.
type receivedClaims struct {
	Issuer    string           `json:"iss"`
	Subject   string           `json:"sub"`
	Audience  jwt.Audience     `json:"aud"`
	ExpiresAt *jwt.NumericDate `json:"exp"`
	NotBefore *jwt.NumericDate `json:"nbf"`
	IssuedAt  *jwt.NumericDate `json:"iat"`
	ID        string           `json:"jti"`
	Access    []scope.Scope    `json:"access"`
}

func parseClaims(payload []byte) (*receivedClaims, error) {
	var claims *receivedClaims // a pointer, to tell null from {}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, malformed("the claims are not what they should be")
	}
	switch {
	case claims == nil:
		return nil, malformed("no claims")
	case claims.ExpiresAt == nil:
		return nil, malformed("no exp")
	}
	return claims, nil
}

// verified returns the claims for those who asked, after all checks.
func (c *receivedClaims) verified(audience string) Claims {
	return Claims{
		Issuer:    c.Issuer,
		Subject:   c.Subject,
		Audience:  audience,
		ExpiresAt: timeOf(c.ExpiresAt),
		NotBefore: timeOf(c.NotBefore),
		IssuedAt:  timeOf(c.IssuedAt),
		ID:        c.ID,
		Access:    c.Access,
	}
}

func timeOf(date *jwt.NumericDate) time.Time {
	if date == nil {
		return time.Time{}
	}
	return date.Time().UTC()
}
