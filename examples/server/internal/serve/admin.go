package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/berthpass/registry-auth/auth/refreshadmin"
	"github.com/berthpass/registry-auth/authn"
)

// adminPath is where refresh tokens are administered, at the address that is for that alone.
const adminPath = "/refresh-tokens"

// newAdmin returns the handler for administrators. It is there only where refresh_admin gives it an address.
func (s *Server) newAdmin() (http.Handler, error) {
	refresh, err := refreshadmin.New(refreshadmin.Config{
		Tokens: s.refresh, Allow: s.allowAdmin, Logger: s.logger,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(adminPath, refresh)
	return mux, nil
}

// allowAdmin finds the administrator whose token comes as "Authorization: Bearer TOKEN" (RFC 6750, section 2.1).
func (s *Server) allowAdmin(r *http.Request) (name string, err error) {
	scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	admin := s.current.Load().cfg.RefreshAdmin
	if admin == nil || !strings.EqualFold(scheme, "Bearer") {
		return "", authn.ErrNoMatch
	}
	err = authn.ErrRejected
	hash := sha256.Sum256([]byte(shown)) // of equal length, for the comparison
	for each, token := range admin.Admins {
		if want := sha256.Sum256([]byte(token)); subtle.ConstantTimeCompare(hash[:], want[:]) == 1 {
			name, err = each, nil
		}
	}
	return name, err
}
