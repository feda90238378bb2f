package config

import (
	"errors"
	"net"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/berthpass/registry-auth/authn"
)

// RefreshAdmin says where refresh tokens are listed and revoked, and by whom.
type RefreshAdmin struct {
	// Addr is a host and port of their own.
	Addr string
	At   Position
	// Admins are those who may, by name, with the token that each of them has to show.
	Admins map[string]authn.Secret
}

// leastAdminToken is the length of the shortest token that is accepted: it is not slowed down to guess.
const leastAdminToken = 32

func (r *reader) refreshAdmin(section, n *yaml.Node) {
	admin := &RefreshAdmin{At: r.at(section), Admins: make(map[string]authn.Secret)}
	r.mapping(n, "refresh_admin", func(key string, value *yaml.Node) bool {
		switch key {
		case "addr":
			admin.Addr, admin.At = r.text(value, key), r.at(value)
		case "admins":
			r.entries(value, "refresh_admin.admins", func(name, settings *yaml.Node) { r.admin(admin, name, settings) })
		default:
			return false
		}
		return true
	})
	if _, port, err := net.SplitHostPort(admin.Addr); err != nil || port == "" {
		r.problem(admin.At, errors.New("refresh_admin.addr must be host:port and is "+strconv.Quote(admin.Addr)))
	}
	if len(admin.Admins) == 0 {
		r.fail(section, "refresh_admin.admins is missing: who may list and revoke refresh tokens, with a token for each")
	}
	r.cfg.RefreshAdmin = admin
}

func (r *reader) admin(admin *RefreshAdmin, name, n *yaml.Node) {
	var token secret
	what := "the administrator " + strconv.Quote(name.Value)
	r.mapping(n, what, func(key string, value *yaml.Node) bool {
		switch key {
		case "token_file", "token_env":
			r.secret(&token, key, value)
		default:
			return false
		}
		if key == "token_file" {
			r.warnOfReaders(value, r.text(value, key))
		}
		return true
	})
	switch {
	case name.Value == "":
		r.fail(name, "refresh_admin.admins: an administrator needs a name")
	case len(token.value) < leastAdminToken:
		r.fail(name, "%s needs a token of %d characters or more; make one with: openssl rand -hex 32", what, leastAdminToken)
	}
	for other, taken := range admin.Admins {
		if taken == token.value {
			r.fail(name, "%s has the same token as %q", what, other)
		}
	}
	admin.Admins[name.Value] = token.value
}

// checkRefreshAdmin looks at where the other addresses are.
func (l *loader) checkRefreshAdmin() {
	admin := l.cfg.RefreshAdmin
	if admin == nil {
		return
	}
	taken := admin.Addr == l.cfg.Server.Addr || admin.Addr == l.cfg.Metrics.Addr
	switch {
	case taken && !strings.HasSuffix(admin.Addr, ":0"): // which is another one each time
		l.problem(admin.At, errors.New("refresh_admin.addr must be an address of its own"))
	case !loopback(admin.Addr):
		l.warning(admin.At, "refresh_admin is served in the clear, and its tokens can be read on the way: listen on a loopback address")
	}
}
