package section

import (
	"maps"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

// unsupported are the sections of docker_auth that this server does not have, with their back ends.
type unsupported map[string]string

func backEnds() unsupported {
	return unsupported{
		"google_auth": "Google", "github_auth": "GitHub", "gitlab_auth": "GitLab",
		"oidc_auth": "OpenID Connect", "ldap_auth": "LDAP",
		"mongo_auth": "MongoDB", "acl_mongo": "MongoDB",
		"xorm_auth": "SQL databases (xorm)", "acl_xorm": "SQL databases (xorm)",
		"casbin_authz": "Casbin", "plugin_authn": "Go plugins", "plugin_authz": "Go plugins",
	}
}

func (u unsupported) Keys() []string { return slices.Sorted(maps.Keys(u)) }

func (u unsupported) Read(n *conf.Node) {
	if n.Null() {
		return
	}
	instead := "ext_auth"
	if strings.HasPrefix(n.Key(), "acl_") || strings.HasSuffix(n.Key(), "_authz") {
		instead = "ext_authz"
	}
	n.Errorf("%s: this server has no back end for %s; remove the section, "+
		"or ask a program of yours with %s", n.Key(), u[n.Key()], instead)
}

func (u unsupported) Build(*Site) (Part, error) { return Part{}, nil }
