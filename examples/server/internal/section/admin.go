package section

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strconv"
	"strings"

	"github.com/berthpass/registry-auth/auth/refreshadmin"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

// refreshAdmin lists and revokes refresh tokens, at an address of its own.
type refreshAdmin struct {
	conf.Place

	tokens  *refreshTokens
	server  *Server
	metrics *metrics

	given  bool
	addr   string
	addrAt conf.Place
	admins map[string]authn.Secret
}

const (
	// minAdminToken is the length of the shortest token. Nothing slows guesses down.
	minAdminToken = 32
	adminPath     = "/refresh-tokens"
)

func (a *refreshAdmin) Keys() []string { return []string{"refresh_admin"} }

func (a *refreshAdmin) Read(n *conf.Node) {
	if a.Place, a.addrAt = n.Place, n.Place; n.Null() {
		return
	}
	a.given, a.admins = true, make(map[string]authn.Secret)
	n.Fields(
		conf.Text("addr", &a.addr).At(&a.addrAt).AtStart(),
		conf.Func("admins", func(n *conf.Node) { n.Entries(a.admin) }),
	)
	if err := checkHostPort(a.addr); err != nil {
		a.addrAt.Errorf("refresh_admin.addr %w", err)
	}
	if len(a.admins) == 0 {
		n.Errorf("refresh_admin.admins is missing: who may list and revoke refresh tokens, " +
			"with a token for each")
	}
}

func (a *refreshAdmin) admin(name string, n *conf.Node) {
	var token authn.Secret
	what := "the administrator " + strconv.Quote(name)
	n.As(what).Fields(conf.SecretElsewhere("token", &token))
	switch {
	case name == "":
		n.Errorf("refresh_admin.admins: an administrator needs a name")
	case len(token) < minAdminToken:
		n.Errorf("%s needs a token of %d characters or more; make one with: openssl rand -hex 32",
			what, minAdminToken)
	}
	for other, taken := range a.admins {
		if taken == token {
			n.Errorf("%s has the same token as %q", what, other)
		}
	}
	a.admins[name] = token
}

func (a *refreshAdmin) Build(s *Site) (Part, error) {
	if !a.given {
		return Part{}, nil
	}
	taken := a.addr == a.server.Addr || a.addr == a.metrics.addr
	switch {
	case taken && !strings.HasSuffix(a.addr, ":0"): // which is another one each time
		a.addrAt.Errorf("refresh_admin.addr must be an address of its own")
	case !isLoopback(a.addr):
		a.addrAt.Warnf("refresh_admin is served in the clear, and its tokens can be read " +
			"on the way: listen on a loopback address")
	}
	handler, err := refreshadmin.New(refreshadmin.Config{
		Tokens: a.tokens.tokens, Allow: allowAdmin(a.admins), Logger: s.Logger,
	})
	if err != nil {
		return Part{}, err
	}
	mux := http.NewServeMux()
	mux.Handle(adminPath, handler)
	return Part{Handler: &Handler{a.addr, a.addrAt.Position, mux}}, nil
}

// allowAdmin finds the administrator whose token comes as "Authorization: Bearer TOKEN" (RFC 6750,
// section 2.1).
func allowAdmin(admins map[string]authn.Secret) func(*http.Request) (string, error) {
	return func(r *http.Request) (name string, err error) {
		scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return "", authn.ErrNoMatch
		}
		err = authn.ErrRejected
		hash := sha256.Sum256([]byte(shown)) // of equal length, for the comparison
		for each, token := range admins {
			want := sha256.Sum256([]byte(token))
			if subtle.ConstantTimeCompare(hash[:], want[:]) == 1 {
				name, err = each, nil
			}
		}
		return name, err
	}
}
