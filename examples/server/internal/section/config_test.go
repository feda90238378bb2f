package section_test

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/examples/server/internal/conf"
	"github.com/berthpass/registry-auth/examples/server/internal/section"
	"github.com/berthpass/registry-auth/token"
)

// longToken is long enough for an administrator.
const longToken = "0123456789abcdef0123456789abcdef"

// fixture is a folder with a configuration.
type fixture struct {
	*files

	t    *testing.T
	path string
	env  map[string]string
}

func newFixture(t *testing.T, text string) *fixture {
	t.Helper()
	folder := t.TempDir()
	f := &fixture{
		newFiles(t, folder),
		t,
		filepath.Join(folder, "config.yml"),
		map[string]string{"TOKEN": longToken, "SHORT": "wonderland"},
	}
	write(t, f.path, f.replace(text))
	return f
}

// file writes another file beside the configuration.
func (f *fixture) file(name, content string) *fixture {
	f.t.Helper()
	write(f.t, filepath.Join(f.folder, name), f.replace(content))
	return f
}

func (f *fixture) load() (*section.Config, error) {
	return load(f.path, func(name string) string { return f.env[name] })
}

// load reads a configuration once.
func load(path string, getenv func(string) string) (*section.Config, error) {
	site := new(section.Keeper).NewSite(slog.New(slog.DiscardHandler), http.NotFoundHandler())
	return section.Load(path, getenv, site)
}

func (f *fixture) mustLoad() *section.Config {
	f.t.Helper()
	cfg, err := f.load()
	if err != nil {
		f.t.Fatal(err)
	}
	return cfg
}

// relative cuts the folder out of an error, so that it can be compared.
func (f *fixture) relative(text string) string { return strings.ReplaceAll(text, f.folder+"/", "") }

func watched(cfg *section.Config) []string { return slices.Sorted(maps.Keys(cfg.Watched())) }

// part returns the part of a section.
func part(cfg *section.Config, name string) section.Part {
	i := slices.IndexFunc(cfg.Parts, func(p section.Part) bool { return p.Name == name })
	return cfg.Parts[i]
}

// login returns the user with the password of the fixture.
func login(t *testing.T, cfg *section.Config, name string) (authn.Subject, error) {
	t.Helper()
	return part(cfg, "users").Authenticator.Authenticate(t.Context(),
		authn.Request{Username: name, Password: "wonderland"})
}

// matches reports whether a text is the wanted one, or begins with it when that ends with an
// ellipsis: the rest are words of another package then.
func matches(got, want string) bool {
	beginning, open := strings.CutSuffix(want, "…")
	return got == want || open && strings.HasPrefix(got, beginning)
}

// TestBadConfigurations has one mistake each, and the lines that a person reads.
func TestBadConfigurations(t *testing.T) {
	const rest = "users: {}\nacl: []\n"
	for name, test := range map[string]struct{ text, want string }{
		"an empty file": {"", `config.yml:1: the file is empty`},
		"not YAML": {
			"server: [\n",
			`config.yml:1: not YAML: did not find expected node content`,
		},
		"not a mapping": {
			"- a\n",
			`config.yml:1: the configuration must be a mapping (key: value) and is a list`,
		},
		"two documents": {
			head + rest + "---\na: 1\n",
			`config.yml:12: a second YAML document: only one is read`,
		},
		"an unknown section": {
			head + rest + "databse: {}\n",
			`config.yml:12: unknown key "databse" in the configuration`,
		},
		"an unknown key": {
			strings.Replace(head, "addr:", "adr:", 1) + rest,
			`config.yml:2: unknown key "adr" in server`,
		},
		"a section twice": {
			head + rest + "acl: []\n",
			`config.yml:12: the key "acl" is in the configuration twice, first in line 11`,
		},
		"a user twice": {
			head + "users:\n  a: {password: \"@HASH@\"}\n  a: {password: \"@HASH@\"}\nacl: []\n",
			`config.yml:12: the key "a" is in users twice, first in line 11`,
		},
		"no addr": {
			strings.Replace(head, "addr:", "path_prefix:", 1) + rest,
			`config.yml:2: path_prefix must be a plain absolute path such as /auth and is "127.0.0.1:5001"`,
		},
		"no server": {
			strings.TrimPrefix(head, "server:\n  addr: \"127.0.0.1:5001\"\n") + rest,
			`config.yml:1: server.addr is missing: the address to listen at, such as ":5001"`,
		},
		"no token": {
			"server: {addr: \":1\"}\n" + rest,
			`config.yml:1: token is missing: the section with issuer, expiration, certificate and key`,
		},
		"no issuer": {
			strings.Replace(head, "issuer: \"auth.test\"", "issuer: \"\"", 1) + rest,
			`config.yml:8: token.issuer is missing: the name that the registries have as issuer`,
		},
		"no expiration": {
			strings.Replace(head, "  expiration: 900\n", "", 1) + rest,
			`config.yml:3: token.expiration is missing: the life of a token in seconds, such as 900`,
		},
		"a short expiration": {
			strings.Replace(head, "900", "59", 1) + rest,
			`config.yml:5: expiration must be at least 60 seconds, which clients assume, and is 59`,
		},
		"an expiration in words": {
			strings.Replace(head, "900", "15m", 1) + rest,
			`config.yml:5: expiration must be a whole number and is "15m"` + "\n" + `config.yml:5: ` +
				`expiration must be at least 60 seconds, which clients assume, and is 0`,
		},
		"nobody can log in": {
			head + "acl: []\n",
			`config.yml:1: there is neither users nor ext_auth, so that nobody could log in; write users: ` +
				`{} if that is meant`,
		},
		"nothing is allowed": {
			head + "users: {}\n",
			`config.yml:1: there is neither acl nor ext_authz, so that nothing would be allowed; write ` +
				`acl: [] if that is meant`,
		},
		"a key without certificate": {
			strings.Replace(head, "  certificate: \"@DIR@/my.crt\"\n", "", 1) + rest,
			`config.yml:7: token.certificate and token.key are needed, unless server has them; make them ` +
				`with: server keygen`,
		},
		"a file that is not there": {
			strings.Replace(head, "my.crt", "none.crt", 1) + rest,
			`config.yml:6: token.certificate: none.crt: no such file or directory`,
		},
		"another key's certificate": {
			strings.Replace(head, "my.crt", "other.crt", 1) + rest,
			`config.yml:6: token key and certificate: unusable key: mismatch: …`,
		},
		"another TLS certificate": {
			strings.Replace(head, "addr:", "certificate: \"@DIR@/my.crt\"\n  key: \"@DIR@/other.key\"\n  "+
				"addr:", 1) + rest,
			`config.yml:2: server.certificate my.crt with server.key other.key: tls: private key does not ` +
				`match public key`,
		},
		"half of a TLS certificate": {
			strings.Replace(head, "addr:", "key: \"@DIR@/other.key\"\n  addr:", 1) + rest,
			`config.yml:1: server.certificate and server.key go together: one of them is missing`,
		},
		"a password in the clear": {
			head + "users:\n  alice: {password: wonderland}\nacl: []\n",
			`config.yml:11: the user "alice": unacceptable password hash: not bcrypt or argon2id: run ` +
				`htpasswd -nBC 10 NAME`,
		},
		"no password": {
			head + "users:\n  alice: {}\nacl: []\n",
			`config.yml:11: the user "alice" has no password, which docker_auth takes for any password; ` +
				`make one with: server hash`,
		},
		"an anonymous password": {
			head + "users:\n  \"\": {password: \"@HASH@\"}\nacl: []\n",
			`config.yml:11: the user "" stands for requests without credentials, and can have no password`,
		},
		"anonymous without settings": {
			head + "users:\n  \"\":\nacl: []\n",
			`config.yml:11: the user "" has no settings; write "": {} to allow anonymous requests`,
		},
		"a missing variable": {
			head + "users:\n  alice: {password_env: HASH}\nacl: []\n",
			`config.yml:11: password_env: the environment variable "HASH" is not set` + "\n" +
				`config.yml:11: the user "alice": the password hash is empty; make one with: server hash`,
		},
		"two passwords": {
			head + "users:\n  alice: {password: \"@HASH@\", password_file: x}\nacl: []\n",
			`config.yml:11: password_file: the same secret is given twice`,
		},
		"a rule without match": {
			head + "users: {}\nacl:\n  - actions: [pull]\n",
			`config.yml:12: rule 1: match: …`,
		},
		"a misspelt match": {
			head + "users: {}\nacl:\n  - match: {nam: x}\n    actions: [pull]\n",
			`config.yml:12: unknown key "nam" in match`,
		},
		"a condition without value": {
			head + "users: {}\nacl:\n  - match: {account: }\n    actions: [pull]\n",
			`config.yml:12: match.account has no value; write "" for the empty text, or leave it out to ` +
				`match everything`,
		},
		"a bad pattern": {
			head + "users: {}\nacl:\n  - match: {name: \"/(/\"}\n    actions: [pull]\n",
			"config.yml:12: rule 1: match.name: …",
		},
		"Google": {
			head + rest + "google_auth: {domain: x}\n",
			`config.yml:12: google_auth: this server has no back end for Google; remove the section, or ` +
				`ask a program of yours with ext_auth`,
		},
		"LDAP": {
			head + rest + "ldap_auth: {}\n",
			`config.yml:12: ldap_auth: this server has no back end for LDAP; remove the section, or ask a ` +
				`program of yours with ext_auth`,
		},
		"a plug-in": {
			head + rest + "plugin_authz: {}\n",
			`config.yml:12: plugin_authz: this server has no back end for Go plugins; remove the section, ` +
				`or ask a program of yours with ext_authz`,
		},
		"a database of rules": {
			head + rest + "acl_mongo: {}\n",
			`config.yml:12: acl_mongo: this server has no back end for MongoDB; remove the section, or ` +
				`ask a program of yours with ext_authz`,
		},
		"a program that is not there": {
			head + rest + "ext_auth: {command: \"@DIR@/none\"}\n", `config.yml:12: ext_auth.command: ` +
				`exec: "none": stat none: no such file or directory`,
		},
		"no program": {
			head + rest + "ext_authz: {args: [a]}\n",
			`config.yml:12: ext_authz.command is missing`,
		},
		"everybody is a proxy": {
			strings.Replace(head, "addr:", "real_ip_header: X-Forwarded-For\n  trusted_proxies: "+
				"[\"0.0.0.0/0\"]\n  addr:", 1) + rest,
			`config.yml:3: trusted_proxies: 0.0.0.0/0 would trust clients too; list the proxies, or ` +
				`networks of at least /8 for IPv4 and /16 for IPv6`,
		},
		"a star is a proxy": {
			strings.Replace(head, "addr:", "real_ip_header: X-Forwarded-For\n  trusted_proxies: [\"*\"]\n "+
				" addr:", 1) + rest,
			`config.yml:3: trusted_proxies: "*" is neither an address nor a network such as 10.0.0.0/8`,
		},
		"a position alone": {
			strings.Replace(head, "addr:", "real_ip_pos: 1\n  addr:", 1) + rest,
			`config.yml:3: server.real_ip_pos and server.trusted_proxies mean nothing without ` +
				`server.real_ip_header`,
		},
		"an unknown network": {
			strings.Replace(head, "addr:", "net: udp\n  addr:", 1) + rest,
			`config.yml:2: net must be one of tcp, unix and is "udp"`,
		},
		"an unknown TLS": {
			strings.Replace(head, "addr:", "tls_min_version: TLS14\n  addr:", 1) + rest,
			`config.yml:2: tls_min_version must be TLS12 or TLS13 and is "TLS14"`,
		},
		"an unknown curve": {
			strings.Replace(head, "addr:", "tls_curve_preferences: [P255]\n  addr:", 1) + rest,
			`config.yml:2: tls_curve_preferences: unknown curve "P255"`,
		},
		"insecure suites": {
			strings.Replace(head, "addr:", "tls_cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n  addr:", 1) +
				rest,
			`config.yml:2: tls_cipher_suites: no suite is left`,
		},
		"no cache folder": {
			strings.Replace(head, "addr:", "letsencrypt: {email: a@b.c, host: h, cache_dir: "+
				"\"@DIR@/none\"}\n  addr:", 1) + rest,
			`config.yml:2: letsencrypt.cache_dir "none" is not a folder: the certificates would be lost`,
		},
		"Let's Encrypt without an address": {
			strings.Replace(head, "addr:", "letsencrypt: {host: h, cache_dir: \"@DIR@\"}\n  addr:", 1) +
				rest,
			`config.yml:2: letsencrypt.email is missing: without it no certificate is fetched; leave ` +
				`letsencrypt out if that is meant`,
		},
		"an empty Let's Encrypt": {
			strings.Replace(head, "addr:", "letsencrypt: {}\n  addr:", 1) + rest,
			`config.yml:2: letsencrypt.email is missing: without it no certificate is fetched; leave ` +
				`letsencrypt out if that is meant`,
		},
		"Let's Encrypt without a value": {
			strings.Replace(head, "addr:", "letsencrypt:\n  addr:", 1) + rest,
			`config.yml:2: letsencrypt.email is missing: without it no certificate is fetched; leave ` +
				`letsencrypt out if that is meant`,
		},
		"Let's Encrypt beside a certificate": {
			strings.Replace(head, "addr:", "certificate: \"@DIR@/my.crt\"\n  key: \"@DIR@/my.key\"\n  "+
				"letsencrypt: {email: a@b.c, host: h, cache_dir: \"@DIR@\"}\n  addr:", 1) + rest,
			`config.yml:4: server.letsencrypt and server.certificate are two sources of the same ` +
				`certificate: give one of them`,
		},
		"a misspelt Let's Encrypt beside a certificate": {
			strings.Replace(head, "addr:", "certificate: \"@DIR@/my.crt\"\n  key: \"@DIR@/my.key\"\n  "+
				"letsencrypt: {email: a@b.c, hosts: h, cache_dir: \"@DIR@\"}\n  addr:", 1) + rest,
			`config.yml:4: unknown key "hosts" in letsencrypt` + "\n" + `config.yml:4: server.letsencrypt ` +
				`and server.certificate are two sources of the same certificate: give one of them`,
		},
		"a disabled user with a password in the clear": {
			head + "users:\n  carol: {password: wonderland, disabled: true}\nacl: []\n",
			`config.yml:11: the user "carol": unacceptable password hash: not bcrypt or argon2id: run ` +
				`htpasswd -nBC 10 NAME`,
		},
		"tokens shared for long": {
			strings.Replace(head, "900", "900\n  share_for: 5m", 1) + rest,
			`config.yml:9: token: share_for: tokens that live for 15m0s can be shared for 3m45s at most, ` +
				`and not for 5m0s`,
		},
		"services share a key": {
			strings.Replace(head, `["registry.test"]`, `[a, b]`, 1) + rest,
			`config.yml:8: the services "a" and "b" have the same key, and zot does not compare the ` +
				`service: give each certificate and key of its own, or set token.shared_key: true`,
		},
		"no services": {
			strings.Replace(head, `["registry.test"]`, `[]`, 1) + rest,
			`config.yml:8: token.services is empty, so that no token could be issued; leave it out to ` +
				`issue for any service`,
		},
		"a case without scope": {
			head + rest + "tests:\n  - {granted: pull}\n",
			`config.yml:13: a case needs scope and granted; write granted: "" for nothing`,
		},
		"a case that asks less": {
			head + rest + "tests:\n  - {scope: \"repository:a:pull\", granted: push}\n", `config.yml:13: ` +
				`the case expects "push", which its scope does not ask for`,
		},
		"a case about another service": {
			head + rest + "tests:\n  - {scope: \"repository:a:pull\", granted: \"\", service: x}\n",
			`config.yml:13: the case is about the service "x", for which no tokens are issued`,
		},
		"no connections": {
			strings.Replace(head, "addr:", "max_connections: 0\n  addr:", 1) + rest,
			`config.yml:2: max_connections must be at least 1`,
		},
		"a long shutdown": {
			strings.Replace(head, "addr:", "shutdown_delay: 2m\n  addr:", 1) + rest,
			`config.yml:2: shutdown_delay must be at most 1m0s and is 2m0s`,
		},
		"a shutdown in the past": {
			strings.Replace(head, "addr:", "shutdown_delay: -1s\n  addr:", 1) + rest,
			`config.yml:2: shutdown_delay must be a positive time with its unit, such as 30s or 720h, and ` +
				`is "-1s"`,
		},
		"no refresh tokens at all": {
			head + rest + "refresh_tokens: {max_per_user: 0}\n",
			`config.yml:12: max_per_user must be at least 1`,
		},
		"a file of refresh tokens": {
			head + rest + "refresh_tokens:\n  enabled: true\n  file: \"@DIR@/r\"\n",
			`config.yml:14: refresh_tokens.file was removed: ` +
				`refresh tokens are kept in memory and end with a restart; delete this setting`,
		},
		"a key of such a file": {
			head + rest + "refresh_tokens:\n  enabled: true\n  key_file: \"@DIR@/k\"\n",
			`config.yml:14: refresh_tokens.key_file was removed: ` +
				`refresh tokens are kept in memory and end with a restart; delete this setting`,
		},
		"rotation": {
			head + rest + "refresh_tokens:\n  enabled: true\n  rotate: false\n",
			`config.yml:14: refresh_tokens.rotate was removed: ` +
				`docker, podman and skopeo cannot follow a replaced refresh token; delete this setting`,
		},
		"a grace of rotation": {
			head + rest + "refresh_tokens:\n  enabled: true\n  grace: 20s\n",
			`config.yml:14: refresh_tokens.grace was removed: ` +
				`docker, podman and skopeo cannot follow a replaced refresh token; delete this setting`,
		},
		"an unknown setting of refresh tokens": {
			head + rest + "refresh_tokens: {path: x}\n", `config.yml:12: unknown key "path" in ` +
				`refresh_tokens`,
		},
		"administrators at no address": {
			head + rest + "refresh_admin: {admins: {a: {token_env: TOKEN}}}\n",
			`config.yml:12: refresh_admin.addr must be host:port and is ""`,
		},
		"no administrators": {
			head + rest + "refresh_admin: {addr: \"[::1]:1\"}\n",
			`config.yml:12: refresh_admin.admins is missing: who may list and revoke refresh tokens, with ` +
				`a token for each`,
		},
		"administrators among clients": {
			head + rest + "refresh_admin: {addr: \"127.0.0.1:5001\", admins: {a: {token_env: TOKEN}}}\n",
			`config.yml:12: refresh_admin.addr must be an address of its own`,
		},
		"a short administrator": {
			head + rest + "refresh_admin: {addr: \"[::1]:1\", admins: {a: {token_env: SHORT}}}\n",
			`config.yml:12: the administrator "a" needs a token of 32 characters or more; make one with: ` +
				`openssl rand -hex 32`,
		},
		"an administrator twice": {
			head + rest + "refresh_admin: {addr: \"[::1]:1\", admins: {a: {token_env: TOKEN}, b: " +
				"{token_env: TOKEN}}}\n",
			`config.yml:12: the administrator "b" has the same token as "a"`,
		},
		"a key that is no authority": {
			strings.Replace(head, "issuer:", "authority: true\n  issuer:", 1) + rest,
			`config.yml:7: token key and certificate: new authority: …`,
		},
		"a key lifetime for one key": {
			strings.Replace(head, "issuer:", "key_lifetime: 24h\n  issuer:", 1) + rest,
			`config.yml:7: token key and certificate: key_lifetime is about the keys below an authority, ` +
				`and authority is not set`,
		},
		"an authority of another's key": {
			strings.Replace(head, `["registry.test"]`, `{a: {authority: true}}`, 1) + rest,
			`config.yml:8: the service "a": authority and key_lifetime are about a certificate and key ` +
				`beside them, and there are none`,
		},
		"several mistakes": {
			head + "users:\n  a: {password: x}\n  b: {}\nacl: {}\n",
			`config.yml:11: the user "a": unacceptable password hash: not bcrypt or argon2id: run ` +
				"htpasswd -nBC 10 NAME\n" +
				`config.yml:12: the user "b" has no password, which docker_auth takes for any ` +
				"password; make one with: server hash\n" +
				`config.yml:13: acl must be a list and is a mapping`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, test.text)
			cfg, err := f.load()
			if err == nil {
				t.Fatal("it loads")
			}
			got := f.relative(err.Error())
			if !matches(got, test.want) {
				t.Errorf("the error is\n%s\nand should be\n%s", got, test.want)
			}
			if _, ok := errors.AsType[*conf.PositionError](err); !ok {
				t.Error("the error has no position")
			}
			if cfg.Token != nil || cfg.Rules != nil || cfg.Parts != nil || len(cfg.Watched()) == 0 {
				t.Errorf("something can be used: %+v", cfg)
			}
			if strings.Contains(got, "wonderland") {
				t.Error("the error tells a password")
			}
		})
	}
}

func TestFileThatIsNotThere(t *testing.T) {
	cfg, err := load("/nonexistent/config.yml", os.Getenv)
	if err == nil || err.Error() != "/nonexistent/config.yml: no such file or directory" {
		t.Errorf("error is %v", err)
	}
	if watched := watched(cfg); !slices.Equal(watched, []string{"/nonexistent/config.yml"}) {
		t.Errorf("watched: %v", watched)
	}
}

// TestTokensAreSharedWhereItIsSaid: a service has the common setting unless it has one of its own,
// and 0s is one.
func TestTokensAreSharedWhereItIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		common, own string
		shared      bool
	}{
		"nothing said":                    {"", "", false},
		"own":                             {"", "10s", true},
		"own none":                        {"", "0s", false},
		"common":                          {"10s", "", true},
		"common none":                     {"0s", "", false},
		"common, own none":                {"10s", "0s", false},
		"common, own 0":                   {"10s", "0", false},
		"common none, own":                {"0s", "10s", true},
		"common, own without a value":     {"10s", "~", true},
		"common without a value, own too": {"~", "~", false},
	} {
		t.Run(name, func(t *testing.T) {
			common, own := "", ""
			if test.common != "" {
				common = "share_for: " + test.common + "\n  "
			}
			if test.own != "" {
				own = "share_for: " + test.own
			}
			text := strings.Replace(
				head,
				`services: ["registry.test"]`,
				common+"services: {registry.test: {"+own+"}}",
				1,
			)
			issuer := newFixture(t, text+"users: {}\nacl: []\n").mustLoad().Token.Issuer("registry.test")
			var ids [2]string
			for i := range ids {
				request := token.Request{Subject: "alice", Audience: "registry.test"}
				issued, err := issuer.Issue(t.Context(), request)
				if err != nil {
					t.Fatal(err)
				}
				ids[i] = issued.ID
			}
			if (ids[0] == ids[1]) != test.shared {
				t.Errorf("two tokens are %v", ids)
			}
		})
	}
}

// TestWarnings has configurations that work, with what their owner is told.
func TestWarnings(t *testing.T) {
	const rest = "users: {}\nacl: []\n"
	for name, test := range map[string]struct{ text, want string }{
		"nothing": {head + rest, ""},
		"any service": {
			strings.Replace(head, "  services: [\"registry.test\"]\n", "", 1) + rest,
			`config.yml:3: without token.services, tokens are issued for any service that a client names; ` +
				`list the service of each registry`,
		},
		"a long expiration": {
			strings.Replace(head, "900", "86400", 1) + rest,
			`config.yml:5: expiration: 86400 seconds are more than tokens may live, which is 3600; ` +
				`clients are told and fetch another in time`,
		},
		"in the clear": {
			strings.Replace(head, "127.0.0.1", "", 1) + rest,
			`config.yml:2: without certificate, passwords travel in the clear: serve HTTPS here, or ` +
				`listen on a loopback address behind a proxy that does`,
		},
		"everybody may push": {
			head + "users: {}\nacl:\n  - match: {}\n    actions: [\"*\"]\n",
			`config.yml:12: rule 1: allows everybody to push…`,
		},
		"an unreachable rule": {
			head + "users: {}\nacl:\n  - match: {name: a}\n    actions: [pull]\n  - match: {name: a}\n    " +
				"actions: [pull]\n",
			`config.yml:14: rule 2: can never match: rule 1 covers it`,
		},
		"a shared key": {
			strings.Replace(head, `["registry.test"]`, "[a, b]\n  shared_key: true", 1) + rest,
			`config.yml:8: the services "a" and "b" have the same key, and zot does not compare the service`,
		},
		"old TLS": {
			strings.Replace(head, "addr:", "tls_min_version: TLS10\n  addr:", 1) + rest,
			`config.yml:2: tls_min_version: TLS10 is older than TLS 1.2, which is the least that is spoken`,
		},
		"a header": {
			strings.Replace(head, "addr:", "real_ip_header: x-forwarded-for\n  addr:", 1) + rest,
			`config.yml:3: X-Forwarded-For is believed of loopback addresses only; list the proxies in ` +
				`server.trusted_proxies`,
		},
		"suites of TLS 1.3": {
			strings.Replace(head, "addr:", "tls_min_version: TLS13\n  tls_cipher_suites: "+
				"[TLS_AES_128_GCM_SHA256]\n  addr:", 1) + rest,
			`config.yml:3: tls_cipher_suites means nothing with tls_min_version TLS13: the suites of TLS ` +
				`1.3 cannot be chosen`,
		},
		"no suites": {
			strings.Replace(head, "addr:", "tls_cipher_suites: []\n  addr:", 1) + rest,
			`config.yml:2: tls_cipher_suites is empty, which leaves the choice to Go`,
		},
		"any name": {
			strings.Replace(head, "addr:", "letsencrypt: {email: a@b.c, cache_dir: \"@DIR@\"}\n  addr:",
				1) + rest,
			`config.yml:2: without letsencrypt.host, strangers can have certificates fetched for any name ` +
				`that leads here`,
		},
		"a position": {
			strings.Replace(head, "addr:", "real_ip_header: X-Real-Ip\n  real_ip_pos: 0\n  "+
				"trusted_proxies: [192.0.2.1]\n  addr:", 1) + rest,
			`config.yml:5: server.real_ip_pos counts from the front of the header, which the client can ` +
				`write; leave it out, or count from the end with a negative number`,
		},
		"administrators on the way": {
			head + rest + "refresh_admin: {addr: \"192.0.2.1:1\", admins: {a: {token_env: TOKEN}}}\n",
			`config.yml:12: refresh_admin is served in the clear, and its tokens can be read on the way: ` +
				`listen on a loopback address`,
		},
		"administrators on loopback": {
			head + rest + "refresh_admin: {addr: \"127.0.0.1:1\", admins: {a: {token_env: TOKEN}}}\n",
			"",
		},
		"only ext_auth": {
			head + "ext_auth: {command: \"true\"}\nacl: []\n",
			`config.yml:10: the program of ext_auth is not asked about requests without credentials; they ` +
				`are refused unless users has an entry ""`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, test.text)
			var lines []string
			for _, w := range f.mustLoad().Warnings {
				lines = append(lines, w.String())
			}
			if got := f.relative(strings.Join(lines, "\n")); !matches(got, test.want) {
				t.Errorf("the warnings are\n%s\nand should be\n%s", got, test.want)
			}
		})
	}
}

func TestReadableKeyIsAWarning(t *testing.T) {
	f := newFixture(t, head+"users: {}\nacl: []\n"+
		"refresh_admin: {addr: \"[::1]:1\", admins: {a: {token_file: \"@DIR@/a\"}}}\n").
		file("a", longToken)
	if warnings := f.mustLoad().Warnings; len(warnings) > 0 {
		t.Fatalf("warnings: %v", warnings)
	}
	for _, name := range []string{"my.key", "a"} {
		path := filepath.Join(f.folder, name)
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		warnings := f.mustLoad().Warnings
		if len(warnings) != 1 ||
			!strings.Contains(warnings[0].Text, "everybody on this machine can read "+path) {
			t.Errorf("%s: warnings: %v", name, warnings)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSources: rules from the file, a file of their own and a folder; secrets from files and the
// environment.
func TestSources(t *testing.T) {
	f := newFixture(t, head+`users:
  alice: {password_file: "@DIR@/alice.hash", labels: {group: [a, b]}}
  bob: {password_env: BOB, labels: {group: c}}
  "": {labels: {zone: [public]}}
acl:
  - {match: {name: one}, actions: [pull]}
acl_file: "@DIR@/rules.yml"
acl_dir: "@DIR@/rules.d"
`)
	f.file("alice.hash", "@HASH@\n").
		file("rules.yml", "acl:\n- {match: {name: two}, actions: [pull]}\ntests:\n- {account: alice, "+
			"scope: \"repository:two:pull\", granted: pull}\n")
	if err := os.Mkdir(filepath.Join(f.folder, "rules.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	f.file("rules.d/20.yaml", "- {match: {name: four}, actions: [pull]}\n").
		file("rules.d/10.yml", "- {match: {name: three}, actions: [pull]}\n")
	f.file("rules.d/README", "not read").file("rules.d/.hidden.yml", "not: read")
	f.env["BOB"] = f.hash

	cfg := f.mustLoad()
	var positions []string
	for _, p := range cfg.Rules.Common.Positions {
		positions = append(positions, f.relative(p.String()))
	}
	const wantPositions = "config.yml:15 rules.yml:2 rules.d/10.yml:1 rules.d/20.yaml:1"
	if got := strings.Join(positions, " "); got != wantPositions {
		t.Errorf("rules are at %s, want %s", got, wantPositions)
	}
	if cfg.Rules.Common.List.Len() != 4 {
		t.Errorf("there are %d rules", cfg.Rules.Common.List.Len())
	}
	alice, err := login(t, cfg, "alice")
	if err != nil || !slices.Equal(alice.Labels["group"], []string{"a", "b"}) {
		t.Errorf("alice is %+v, %v", alice, err)
	}
	if bob, err := login(t, cfg, "bob"); err != nil ||
		!slices.Equal(bob.Labels["group"], []string{"c"}) {
		t.Errorf("bob is %+v, %v", bob, err)
	}
	if labels := cfg.Users.AnonymousLabels; labels["zone"][0] != "public" {
		t.Errorf("anonymous labels are %v", labels)
	}
	if c := cfg.Tests.Cases[0]; c.Service != "registry.test" || c.Account != "alice" {
		t.Errorf("the case is %+v", c)
	}
	if !slices.Equal(cfg.SecretVariables(), []string{"BOB"}) {
		t.Errorf("secret variables are %v", cfg.SecretVariables())
	}
	const want = "alice.hash config.yml my.crt my.key rules.d rules.d/10.yml rules.d/20.yaml rules.yml"
	if got := f.relative(strings.Join(watched(cfg), " ")); got != want {
		t.Errorf("watched: %s", got)
	}
}

// TestProblemInAnotherFile is found where it is.
func TestProblemInAnotherFile(t *testing.T) {
	f := newFixture(
		t,
		head+"users: {}\nacl_file: \"@DIR@/rules.yml\"\n",
	).file("rules.yml", "- {match: {name: a}, actions: [pull]}\n- {match: {name: a}, action: "+
		"[pull]}\n")
	_, err := f.load()
	if err == nil || f.relative(err.Error()) != `rules.yml:2: unknown key "action" in a rule` {
		t.Errorf("error is %v", err)
	}
}

// TestServices: each may have an issuer, a key and rules of its own.
func TestServices(t *testing.T) {
	f := newFixture(t, strings.Replace(head, `["registry.test"]`, `
    one.test: {}
    two.test:
      issuer: "other.test"
      certificate: "@DIR@/other.crt"
      key: "@DIR@/other.key"
      expiration: 120
      acl:
        - {match: {name: a}, actions: [pull]}`, 1)+"users: {}\nacl: []\n")
	cfg := f.mustLoad()
	one, two := cfg.Token.Services["one.test"], cfg.Token.Services["two.test"]
	if one == nil || two == nil || one.Rules.List != nil || two.Rules.List.Len() != 1 {
		t.Fatalf("services are %+v, %+v", one, two)
	}
	if one.Issuer.KeySet().Signing().ID() == two.Issuer.KeySet().Signing().ID() {
		t.Error("the services have the same key")
	}
	if cfg.Token.AnyService != nil || cfg.Token.Issuer("three.test") != nil ||
		cfg.Token.Issuer("two.test") != two.Issuer {
		t.Error("tokens are issued for other services")
	}
}

// TestServerCertificateSignsTokens when there is none for that, as with docker_auth.
func TestServerCertificateSignsTokens(t *testing.T) {
	f := newFixture(t, `server: {addr: ":5001", certificate: "@DIR@/my.crt", key: "@DIR@/my.key"}
token: {issuer: i, expiration: 60, certificate: "", key: ""}
users: {}
acl: []
`)
	cfg := f.mustLoad()
	if cfg.Server.TLS == nil || cfg.Token.AnyService == nil {
		t.Errorf("TLS %v, issuer %v", cfg.Server.TLS, cfg.Token.AnyService)
	}
}

// TestDocumentFeatures: anchors, merge keys, YAML 1.1 booleans and texts that look like numbers,
// which docker_auth reads too.
func TestDocumentFeatures(t *testing.T) {
	f := newFixture(t, strings.Replace(head, "addr:", "hsts: on\n  addr:", 1)+`users:
  "123": &u {password: "@HASH@", labels: {n: [1, 2]}}
  bob: {<<: *u, labels: {n: [3]}}
acl:
  - match: {account: 123}
    actions: &pull [pull]
  - match: {account: bob}
    actions: *pull
refresh_tokens: {idle_lifetime: 1h, lifetime: 24h}
`)
	cfg := f.mustLoad()
	if !cfg.Server.HSTS || cfg.Rules.Common.List.Len() != 2 {
		t.Errorf("read as %+v", cfg)
	}
	for name, want := range map[string]string{"123": "1 2", "bob": "3"} {
		subject, err := login(t, cfg, name)
		if got := strings.Join(subject.Labels["n"], " "); err != nil || got != want {
			t.Errorf("%s has the labels %q, %v, want %q", name, got, err, want)
		}
	}
}

// TestManyKeys: a key that comes again is found among many, too.
func TestManyKeys(t *testing.T) {
	var users strings.Builder
	for i := range 30 {
		fmt.Fprintf(&users, "  user%d: {password: \"@HASH@\"}\n", i)
	}
	text := head + "acl: []\nusers:\n" + users.String()
	if cfg := newFixture(t, text).mustLoad(); part(cfg, "users").Count.Number != 30 {
		t.Errorf("%d users", part(cfg, "users").Count.Number)
	}
	f := newFixture(t, text+"  user20: {password: \"@HASH@\"}\n")
	if _, err := f.load(); err == nil ||
		f.relative(err.Error()) != `config.yml:42: the key "user20" is in users twice, first in line 32` {
		t.Errorf("error is %v", err)
	}
}

// TestAliasesDoNotExplode: a small file that stands for a billion rules is refused soon.
func TestAliasesDoNotExplode(t *testing.T) {
	text := head + "users: {}\nacl:\n"
	text += "  - {match: {name: a}, actions: &a [" + strings.Repeat("pull,", 5000) + "pull]}\n"
	text += strings.Repeat("  - {match: {name: a}, actions: *a}\n", 20000)
	f := newFixture(t, text)
	if _, err := f.load(); err == nil || !strings.Contains(err.Error(), "stand for more than") {
		t.Errorf("error is %.200v", err)
	}
}

// TestBrokenFileOfAFolder is reported with the key that names the folder.
func TestBrokenFileOfAFolder(t *testing.T) {
	f := newFixture(t, head+"users: {}\nacl_dir: \"@DIR@/rules.d\"\n")
	if err := os.Mkdir(filepath.Join(f.folder, "rules.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(f.folder, "rules.d", "10.yml")); err != nil {
		t.Fatal(err)
	}
	_, err := f.load()
	if err == nil ||
		f.relative(err.Error()) != `config.yml:11: acl_dir: rules.d/10.yml: no such file or directory` {
		t.Errorf("error is %v", err)
	}
}
