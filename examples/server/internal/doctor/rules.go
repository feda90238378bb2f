package doctor

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// rules are how a registry verifies tokens, where its own code cannot be asked.
type rules struct {
	algorithms []jose.SignatureAlgorithm
	leeway     time.Duration
	// issuer and service are compared where they are set; aud must then be a string.
	issuer, service string
	// issuedInPast means that an iat in the future is refused, without leeway.
	issuedInPast bool
}

func algorithmsKnown() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512,
		jose.PS256, jose.PS384, jose.PS512, jose.EdDSA,
	}
}

// check verifies a token that must allow the probe. The error says what is refused, and what to do where it is known.
func (r rules) check(raw string, find func(jose.Header) (crypto.PublicKey, error), now time.Time) error {
	parsed, err := jwt.ParseSigned(raw, r.algorithms)
	if err != nil {
		return errors.New("it does not know the algorithm of the key: " + needOtherKey)
	}
	key, err := find(parsed.Headers[0])
	if err != nil {
		return err
	}
	var claims struct {
		Issuer    string           `json:"iss"`
		Audience  any              `json:"aud"`
		Expires   *jwt.NumericDate `json:"exp"`
		NotBefore *jwt.NumericDate `json:"nbf"`
		IssuedAt  *jwt.NumericDate `json:"iat"`
		Access    []struct {
			Type    string   `json:"type"`
			Name    string   `json:"name"`
			Actions []string `json:"actions"`
		} `json:"access"`
	}
	if err := parsed.Claims(key, &claims); err != nil {
		return fmt.Errorf("the signature is not that of the key that it trusts: %w", err)
	}
	switch {
	case r.issuer != "" && claims.Issuer != r.issuer:
		return fmt.Errorf("the issuer is %q: it expects %q", claims.Issuer, r.issuer)
	case r.service != "" && claims.Audience != r.service:
		return fmt.Errorf("the audience is %v: it expects the string %q", claims.Audience, r.service)
	case claims.Expires.Time().Add(r.leeway).Before(now):
		return errors.New("the token has expired: compare the clocks")
	case claims.NotBefore.Time().Add(-r.leeway).After(now), r.issuedInPast && claims.IssuedAt.Time().After(now):
		return errors.New("the token is of the future: compare the clocks")
	}
	for _, entry := range claims.Access {
		if entry.Type == "repository" && entry.Name == probeRepository && slices.Contains(entry.Actions, "pull") {
			return nil
		}
	}
	return errors.New("the token does not allow what it was made for")
}
