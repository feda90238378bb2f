package auth

import (
	"net/http"
	"time"

	"github.com/berthpass/registry-auth/token"
)

// jwksMaxAge is how long a registry or a proxy may keep the key document: a new key is to be published that much longer before
// it signs.
const jwksMaxAge = "max-age=60"

// JWKS returns a handler that serves the public keys of a set as a JSON Web Key Set (RFC 7517, section 5), for distribution's
// "jwks" setting and for verifiers of one's own. It answers GET and HEAD, and needs no protection: all of it is public. It is
// safe for concurrent use, and shows a changed key set at once.
//
// There is one handler for each service's keys. A document with the keys of several would make each registry accept the tokens
// of all.
func JWKS(keys *token.KeySet) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		boundBody(w, r, time.Now().Add(defaultTimeout))
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			writeJSON(w, http.StatusMethodNotAllowed, newErrorBody("UNSUPPORTED", "invalid_request", "the keys are read with GET"))
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", "public, "+jwksMaxAge)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(keys.JWKS())
	})
}
