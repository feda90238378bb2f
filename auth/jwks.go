package auth

import (
	"context"
	"net/http"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/token"
)

// JWKS returns a handler that serves the public keys of a set as a JSON Web Key Set (RFC 7517,
// section 5), for distribution's "jwks" setting and for other verifiers. It shows a changed key set
// at once. It panics if keys is nil.
//
// Serve each service's keys under a URL of their own. A document with the keys of several services
// would make each registry accept the tokens of all.
func JWKS(keys *token.KeySet) http.Handler {
	if keys == nil {
		panic("JWKS of a nil key set")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), defaultTimeout)
		defer cancel()
		reply.LimitBody(ctx, w, r)
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			reply.MethodNotAllowed("GET, HEAD").Write(w)
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", "public, max-age=60") // so publish a key before it signs
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(keys.JWKS())
	})
}
