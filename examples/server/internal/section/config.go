package section

import (
	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

// A Config is a configuration: its sections and the parts that they have built.
type Config struct {
	*conf.Document

	Parts  []Part
	Server *Server
	Token  *Token
	Users  *Users
	Rules  *Rules
	Tests  *Tests

	list []Section
}

// sections makes all sections. The order of the list is that in which authenticators and
// authorizers are asked, and is docker_auth's.
func sections() *Config {
	server, tests := &Server{}, &Tests{}
	token := &Token{server: server, tests: tests}
	tests.token = token
	users := &Users{}
	rules := &Rules{token: token, tests: tests}
	refresh, metrics := &refreshTokens{}, &metrics{}
	return &Config{
		Server: server, Token: token, Users: users, Rules: rules, Tests: tests,
		list: []Section{
			server,
			token,
			users,
			&externalProgram{key: "ext_auth", users: users},
			rules,
			&externalProgram{key: "ext_authz"},
			tests,
			&throttling{},
			refresh,
			metrics,
			&refreshAdmin{tokens: refresh, server: server, metrics: metrics},
			backEnds(),
		},
	}
}

// Load reads the configuration in the file at path, with the files that it names, and builds it at
// the site. Environment variables are looked up with getenv.
//
// The error has a line for each mistake, which is a [*conf.PositionError]. An error without any is
// worth another try. The Config then has nothing to use but the Document.
func Load(path string, getenv func(string) string, s *Site) (*Config, error) {
	c := sections()
	c.Document = conf.Read(path, "the configuration", getenv, c.read)
	if c.Err() == nil {
		if err := c.build(s); err != nil {
			return &Config{Document: c.Document}, err
		}
	}
	if err := c.Err(); err != nil {
		return &Config{Document: c.Document}, err
	}
	return c, nil
}

func (c *Config) read(root *conf.Node) {
	readers := make(map[string]Section)
	for _, s := range c.list {
		for _, key := range s.Keys() {
			readers[key] = s
		}
	}
	given := make(map[string]bool)
	root.Entries(func(key string, n *conf.Node) {
		s := readers[key]
		if s == nil {
			n.Errorf("unknown key %q in the configuration", key)
			return
		}
		given[key] = true
		s.Read(n)
	})
	for _, s := range c.list {
		for _, key := range s.Keys() {
			if !given[key] {
				s.Read(root.Absent(key))
			}
		}
	}
}

func (c *Config) build(s *Site) error {
	s.Secrets = c.SecretVariables()
	authenticates, authorizes := false, c.Rules.complete()
	for _, each := range c.list {
		part, err := each.Build(s)
		if err != nil {
			return err
		}
		part.Name = each.Keys()[0]
		authenticates = authenticates || part.Authenticator != nil
		authorizes = authorizes || part.Authorizer != nil && each != Section(c.Rules)
		c.Parts = append(c.Parts, part)
	}
	if !authenticates {
		c.Users.Errorf("there is neither users nor ext_auth, so that nobody could log in; " +
			"write users: {} if that is meant")
	}
	if !authorizes {
		c.Rules.Errorf("there is neither acl nor ext_authz, so that nothing would be allowed; " +
			"write acl: [] if that is meant")
	}
	return nil
}

// Keys returns the keys that a configuration can have.
func Keys() []conf.Key {
	var keys []conf.Key
	for _, s := range sections().list {
		for _, key := range s.Keys() {
			if _, unsupported := s.(unsupported); unsupported {
				continue
			}
			keys = append(keys, conf.Key{Path: key})
			keys = append(keys, conf.Keys(func(root *conf.Node) { s.Read(root.Absent(key)) })...)
		}
	}
	return keys
}
