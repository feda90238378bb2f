package target

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
	"github.com/berthpass/registry-auth/token"
)

// What registries and the server call each other.
const (
	Service = "registry.example.com"
	Issuer  = "auth.example.com"
)

// PublicRules let anybody pull below public/, and users do anything in their own namespace.
const PublicRules = `[
	{"match": {"name": "public/*"}, "actions": ["pull"]},
	{"match": {"account": "/.+/", "name": "${account}/*"}, "actions": ["*"]}
]`

// CheapHash is the least cost of a hash that the server accepts, where comparing passwords is not
// what is measured.
const CheapHash = 5

// A Config is what differs between servers.
type Config struct {
	Users    []clients.User // of clients.Users, with the same password
	HashCost int            // of bcrypt
	Rules    string         // JSON
	Sections string         // YAML
	Files    map[string]string
}

// write writes the files of a server into a folder. It believes the proxies of this machine, as
// which the clients tell their addresses.
func (c *Config) write(folder, address, metricsAddress string) error {
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		return err
	}
	private, err := key.PrivateKeyPEM()
	if err != nil {
		return err
	}
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, `server:
  addr: %q
  max_connections: 20000
  real_ip_header: %q
  trusted_proxies: ["127.0.0.0/8"]
token:
  issuer: %q
  expiration: 300
  certificate: token.crt
  key: token.key
  services: [%q]
metrics: {addr: %q}
acl: %s
%s
users:
  "": {}
`, address, clients.AddressHeader, Issuer, Service, metricsAddress, c.Rules, c.Sections)
	if err := c.writeUsers(&text); err != nil {
		return err
	}
	files := map[string]string{
		"token.key": string(private), "token.crt": string(key.CertificatePEM()),
		"config.yml": text.String(),
	}
	maps.Copy(files, c.Files)
	for name, content := range files {
		//nolint:gosec // one of the files may be a program
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o700); err != nil {
			return err
		}
	}
	return nil
}

// writeUsers makes one hash for all, since they have the same password and a hash takes long.
func (c *Config) writeUsers(text *strings.Builder) error {
	if len(c.Users) == 0 {
		return nil
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(c.Users[0].Password), c.HashCost)
	for _, u := range c.Users {
		groups := ""
		if len(u.Groups) > 0 {
			groups = fmt.Sprintf(", labels: {group: [%s]}", strings.Join(u.Groups, ", "))
		}
		_, _ = fmt.Fprintf(text, "  %q: {password: %q%s}\n", u.Name, hash, groups)
	}
	return err
}
