package auth

import (
	"net/http"
	"strings"

	"github.com/berthpass/registry-auth/scope"
)

// A Challenge is what the resource side tells a client that has no valid token: where to get one, and for what (RFC 6750,
// section 3; distribution, "Token Authentication Specification").
type Challenge struct {
	// Realm is the URL of the token endpoint, as clients reach it. Set it in full: one that is made from the Host header lets
	// a client's request choose where the next one sends its password. Some clients refuse a realm on a private address that
	// is not the registry's own host and port; use a name such as localhost in development.
	Realm string
	// Service is the name of the resource side, which the token must have as its audience.
	Service string
	// Scopes says which scopes a request needs; none means that any valid token will do. An error that wraps
	// [ErrMalformedRequest] or a *[scope.ParseError] is answered with 400 and its text, any other with 503 and no more. When
	// Scopes is nil, it is [RegistryScopes].
	Scopes func(r *http.Request) ([]scope.Scope, error)
}

// write sends the challenge for a request that needs these scopes.
func (c *Challenge) write(w http.ResponseWriter, needed []scope.Scope, reason refusal) {
	var b strings.Builder
	b.WriteString("Bearer realm=" + quote(c.Realm) + ",service=" + quote(c.Service))
	if len(needed) > 0 {
		b.WriteString(",scope=" + quote(scope.Format(needed)))
	}
	if reason != withoutToken {
		b.WriteString(",error=" + quote(string(reason)))
	}
	w.Header().Set("WWW-Authenticate", b.String())
	writeJSON(w, http.StatusUnauthorized, newErrorBody("UNAUTHORIZED", string(reason), reason.message()))
}

// A refusal is why a request is challenged. Its reasons are those of RFC 6750, section 3.1; a request without a token has none.
type refusal string

const (
	withoutToken      refusal = ""
	invalidToken      refusal = "invalid_token"
	insufficientScope refusal = "insufficient_scope"
)

// message is what a person reads.
func (r refusal) message() string {
	switch r {
	case invalidToken:
		return "the token is not valid for this service"
	case insufficientScope:
		return "requested access to the resource is denied"
	default:
		return messageRequired
	}
}

// quote makes an HTTP quoted-string (RFC 9110, section 5.6.4).
func quote(s string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`) + `"`
}
