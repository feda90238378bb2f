package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

// Require protects next with the tokens that a [Server] issues: it is the registry's side of the flow, for registries without
// token authentication and for any other handler. A request goes through when it carries a bearer token that v accepts and
// that grants every scope the request needs. Any other is answered with 401 and the challenge, also one whose token grants too
// little, since that is how a registry makes its clients fetch another one.
//
// The scopes are about repositories, so a registry must not show under one repository's name what only another one has. Some
// simple registries do, with all blobs in one place: there, who may pull anything may pull every blob whose digest it knows.
//
// The claims of the token are in the context of the request that next sees; see [Claims].
func Require(v *token.Verifier, challenge Challenge, next http.Handler) http.Handler {
	if challenge.Scopes == nil {
		challenge.Scopes = RegistryScopes
	}
	return &guard{verifier: v, challenge: challenge, next: next}
}

type guard struct {
	verifier  *token.Verifier
	challenge Challenge
	next      http.Handler
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	needed, err := g.challenge.Scopes(r)
	if err != nil {
		scopesProblem(err).write(w, "")
		return
	}
	text, ok := bearerToken(r.Header)
	if !ok {
		g.challenge.write(w, needed, withoutToken)
		return
	}
	claims, err := g.verifier.Verify(text)
	if err != nil {
		g.challenge.write(w, needed, invalidToken)
		return
	}
	if !allows(claims, needed) {
		g.challenge.write(w, needed, insufficientScope)
		return
	}
	g.next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, claims)))
}

// scopesProblem tells a request that is wrong, whose sender reads why, from one that could not be looked at.
func scopesProblem(err error) *problem {
	if malformed := (*scope.ParseError)(nil); errors.As(err, &malformed) || errors.Is(err, ErrMalformedRequest) {
		return &problem{status: http.StatusBadRequest, code: "NAME_INVALID", oauth: "invalid_request", message: err.Error()}
	}
	return unavailable("the request cannot be checked at the moment", err)
}

func allows(claims token.Claims, needed []scope.Scope) bool {
	for _, s := range needed {
		if !claims.Allows(s) {
			return false
		}
	}
	return true
}

// bearerToken reads the token of RFC 6750, section 2.1. The other two ways of that section put a token where it is logged.
func bearerToken(header http.Header) (text string, ok bool) {
	values := header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, text, _ := strings.Cut(values[0], " ")
	return text, strings.EqualFold(scheme, "Bearer") && text != ""
}

type claimsKey struct{}

// Claims returns the claims of the token with which a request came through [Require]. Without one, ok is false.
func Claims(ctx context.Context) (claims token.Claims, ok bool) {
	claims, ok = ctx.Value(claimsKey{}).(token.Claims)
	return claims, ok
}
