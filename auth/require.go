package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

// A Challenge tells clients where to get a token, and for which service and scopes (RFC 6750,
// section 3; distribution, "Token Authentication Specification").
type Challenge struct {
	// Realm is the URL of the token endpoint, as clients reach it. Required. Never derive it from
	// the Host header, which can be forged: clients send their passwords to this URL. Some clients
	// refuse a realm on a private address that is not the registry's own host and port; use a name
	// such as localhost in development.
	Realm string
	// Service is the service for which clients request a token. Required. It must be the Audience
	// of the verifier, or the tokens that clients get are refused.
	Service string
	// Scopes returns the scopes that a request needs; none means that any valid token will do. An
	// error that wraps [ErrMalformedRequest] or a *[scope.ParseError] is answered with 400 and its
	// text, any other with 503. It is called concurrently. The default is [RegistryScopes].
	Scopes func(r *http.Request) ([]scope.Scope, error)
}

// Require protects next with the tokens that a [Server] issues. It is the registry's side of the
// flow, for registries without token authentication and for other handlers. A request passes if it
// carries a bearer token that v accepts and that grants every scope the request needs; [Claims]
// returns the claims of that token. Without such a token, the answer is 401 with the challenge. If
// the scopes cannot be determined, it is 400 or 503; see [Challenge].
//
// Require sees only the repository's name, so the registry must check that a blob belongs to that
// repository. Some simple registries do not: there, a client that may pull from one repository may
// pull every blob whose digest it knows.
//
// It returns an error if an argument, the realm or the service is missing.
func Require(v *token.Verifier, challenge Challenge, next http.Handler) (http.Handler, error) {
	switch {
	case v == nil:
		return nil, errors.New("require tokens: the verifier is missing")
	case challenge.Realm == "" || challenge.Service == "":
		return nil, errors.New("require tokens: the challenge has no realm or no service")
	case next == nil:
		return nil, errors.New("require tokens: there is no handler to protect")
	}
	if challenge.Scopes == nil {
		challenge.Scopes = RegistryScopes
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, problem := challenge.check(v, r)
		if problem != nil {
			problem.Write(w)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, claims)))
	}), nil
}

// check returns the claims of the request's token, or why the request may not pass.
func (c *Challenge) check(v *token.Verifier, r *http.Request) (token.Claims, *reply.Problem) {
	needed, err := c.Scopes(r)
	if err != nil {
		return token.Claims{}, scopesProblem(err)
	}
	text, ok := bearerToken(r.Header)
	if !ok {
		return token.Claims{}, c.problem(needed, "", messageRequired)
	}
	claims, err := v.Verify(text)
	if err != nil {
		return token.Claims{}, c.problem(needed, "invalid_token",
			"the token is not valid for this service")
	}
	for _, s := range needed {
		if !claims.Allows(s) {
			return token.Claims{}, c.problem(needed, "insufficient_scope",
				"requested access to the resource is denied")
		}
	}
	return claims, nil
}

// problem returns a 401 with the challenge. The reason is an error code of RFC 6750, section 3.1,
// or empty for a request without a token. It is 401 even for insufficient_scope, where the RFC has
// 403, because clients fetch a token after a 401 only.
func (c *Challenge) problem(needed []scope.Scope, reason, message string) *reply.Problem {
	p := reply.New(http.StatusUnauthorized, "UNAUTHORIZED", reason, message)
	p.Challenge = "Bearer realm=" + reply.Quote(c.Realm) + ",service=" + reply.Quote(c.Service)
	if len(needed) > 0 {
		p.Challenge += ",scope=" + reply.Quote(scope.Format(needed))
	}
	if reason != "" {
		p.Challenge += ",error=" + reply.Quote(reason)
	}
	return p
}

// scopesProblem tells a malformed request, whose error the client reads, from a failure of Scopes.
func scopesProblem(err error) *reply.Problem {
	malformed := (*scope.ParseError)(nil)
	if errors.As(err, &malformed) || errors.Is(err, ErrMalformedRequest) {
		return reply.New(http.StatusBadRequest, "NAME_INVALID", "invalid_request", err.Error())
	}
	return reply.Unavailable("the request cannot be checked at the moment", err)
}

// bearerToken reads the token from the Authorization header (RFC 6750, section 2.1). The RFC also
// allows a form or the query, where a token may be logged.
func bearerToken(header http.Header) (text string, ok bool) {
	values := header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, text, _ := strings.Cut(values[0], " ")
	return text, strings.EqualFold(scheme, "Bearer") && text != ""
}

type claimsKey struct{}

// Claims returns the claims of the token with which a request passed [Require], given the request's
// context. If the context is not from such a request, ok is false.
func Claims(ctx context.Context) (claims token.Claims, ok bool) {
	claims, ok = ctx.Value(claimsKey{}).(token.Claims)
	return claims, ok
}
