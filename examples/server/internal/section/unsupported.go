package section

import (
	"strings"

	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

// Unsupported are the sections of docker_auth that this server does not have.
type Unsupported struct{}

// Keys implements [Section].
func (Unsupported) Keys() []string {
	return []string{
		"google_auth", "github_auth", "gitlab_auth", "oidc_auth", "ldap_auth", "mongo_auth",
		"acl_mongo", "xorm_auth", "acl_xorm", "casbin_authz", "plugin_authn", "plugin_authz",
	}
}

// Read implements [Section].
func (Unsupported) Read(n *conf.Node) {
	if n.Null() {
		return
	}
	instead := "ext_auth"
	if strings.HasPrefix(n.Key(), "acl_") || strings.HasSuffix(n.Key(), "_authz") {
		instead = "ext_authz"
	}
	n.Errorf("%s: this server has no back end for %s; remove the section, "+
		"or ask a program of yours with %s", n.Key(), backEnd(n.Key()), instead)
}

// Build implements [Section].
func (Unsupported) Build(*Site) (Part, error) { return Part{}, nil }

func backEnd(key string) string {
	return map[string]string{
		"google_auth": "Google", "github_auth": "GitHub", "gitlab_auth": "GitLab",
		"oidc_auth": "OpenID Connect", "ldap_auth": "LDAP",
		"mongo_auth": "MongoDB", "acl_mongo": "MongoDB",
		"xorm_auth": "SQL databases (xorm)", "acl_xorm": "SQL databases (xorm)",
		"casbin_authz": "Casbin", "plugin_authn": "Go plugins", "plugin_authz": "Go plugins",
	}[key]
}
