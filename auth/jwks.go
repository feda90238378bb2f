package auth

import (
	"context"
	"net/http"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/token"
)

// JWKS returns a handler that serves the public keys of a set as a JSON Web Key Set (RFC 7517,
// section 5), the format of distribution's "jwks" file and of other verifiers. Each answer has the
// current keys, but caches may keep it for a minute. JWKS panics if keys is nil.
//
// Serve each service's keys under a URL of their own. With the keys of several services in one set,
// a registry that checks only the signature accepts the tokens of all.
func JWKS(keys *token.KeySet) http.Handler {
	if keys == nil {
		panic("auth.JWKS: the key set is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), defaultTimeout)
		defer cancel()
		_ = reply.LimitBody(ctx, w, r)
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			reply.MethodNotAllowed("GET, HEAD").Write(w)
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", "public, max-age=60") // so publish keys early
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(keys.JWKS())
	})
}
