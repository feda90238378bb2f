package config

import "strings"

// backEndOf names the back end behind a section of docker_auth that this server does not have, or is empty.
func backEndOf(section string) string {
	switch section {
	case "google_auth":
		return "Google"
	case "github_auth":
		return "GitHub"
	case "gitlab_auth":
		return "GitLab"
	case "oidc_auth":
		return "OpenID Connect"
	case "ldap_auth":
		return "LDAP"
	case "mongo_auth", "acl_mongo":
		return "MongoDB"
	case "xorm_auth", "acl_xorm":
		return "SQL databases (xorm)"
	case "casbin_authz":
		return "Casbin"
	case "plugin_authn", "plugin_authz":
		return "Go plugins"
	default:
		return ""
	}
}

// insteadOf names the section by which a program can do the work of a back end.
func insteadOf(section string) string {
	if strings.HasPrefix(section, "acl_") || strings.HasSuffix(section, "_authz") {
		return "ext_authz"
	}
	return "ext_auth"
}
