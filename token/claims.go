package token

import (
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/berthpass/registry-auth/scope"
)

// Claims are the content of a verified token. The zero value allows nothing.
type Claims struct {
	Issuer    string        // "iss"
	Subject   string        // "sub"; empty is the anonymous subject
	Audience  string        // the audience in "aud" that is the verifier's own
	ExpiresAt time.Time     // "exp", in UTC as the others
	NotBefore time.Time     // "nbf", or the zero time
	IssuedAt  time.Time     // "iat", or the zero time
	ID        string        // "jti"
	Access    []scope.Scope // "access": what the token allows
	// Extra are all other claims, as encoding/json decodes them, with each number as a
	// [json.Number]. Without any it is nil.
	Extra map[string]any
}

// Allows reports whether the token allows all of the scope's actions on its resource. Type and
// name are compared exactly, and entries for one resource add up; "*" in the token is every action,
// as for distribution. A scope without an action is never allowed: checking nothing is a mistake.
func (c Claims) Allows(s scope.Scope) bool {
	return len(s.Actions) > 0 && len(c.Missing(s)) == 0
}

// Missing returns the actions of the scope that the token does not allow, for a message. Decide by
// [Claims.Allows]: a scope without an action is not allowed, and yet nothing is missing.
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

// receivedClaims is the payload of any issuer's token. The decoder of go-jose compares names
// exactly and refuses duplicates, unlike that of the standard library.
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

// parseClaims checks the form of the claims, and the audience.
func parseClaims(payload []byte, audience string) (Claims, error) {
	var c *receivedClaims // a pointer, to tell null from {}
	switch err := json.Unmarshal(payload, &c); {
	case err != nil || c == nil:
		return Claims{}, malformed("the claims have another form")
	case c.ExpiresAt == nil:
		return Claims{}, malformed("it has no exp")
	case !slices.Contains(c.Audience, audience):
		return Claims{}, errAudience
	}
	extra, err := extraOf(payload)
	if err != nil {
		return Claims{}, malformed("the claims have another form")
	}
	return Claims{
		Issuer: c.Issuer, Subject: c.Subject, Audience: audience, ID: c.ID, Access: c.Access,
		ExpiresAt: c.ExpiresAt.Time().UTC(),
		NotBefore: c.NotBefore.Time().UTC(), IssuedAt: c.IssuedAt.Time().UTC(), // zero for nil
		Extra: extra,
	}, nil
}
