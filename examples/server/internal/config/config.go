package config

import (
	"errors"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/berthpass/registry-auth/authn/static"
)

// A Config is a checked configuration. It is plain data and does not change.
type Config struct {
	// File is the path of the main file.
	File string

	Server  Server
	Token   Token
	Refresh Refresh
	// RefreshAdmin says where refresh tokens are administered, or is nil.
	RefreshAdmin *RefreshAdmin
	// Throttle is about wrong passwords.
	Throttle Throttle
	Metrics  Metrics

	// Users are the users with a password, and the disabled ones without.
	Users []static.User
	// AnonymousAllowed lets requests without credentials through, with AnonymousLabels.
	AnonymousAllowed bool
	AnonymousLabels  map[string][]string
	// ExtAuth and ExtAuthz are programs that are asked when the users and the rules have nothing to say, or nil.
	ExtAuth  *Command
	ExtAuthz *Command

	// Rules are those that apply to every service without rules of its own.
	Rules Rules
	// Tests are the cases of the tests blocks.
	Tests []Case

	// Warnings are what the owner should know.
	Warnings []Warning
	// Watched are the files and folders that this configuration was made of.
	Watched []string
	// Fingerprints are what [Fingerprint] said of each of them before it was read.
	Fingerprints map[string]string
	// SecretVariables are the environment variables that hold secrets.
	SecretVariables []string
}

// A loader reads a configuration and collects what is wrong with it.
type loader struct {
	cfg      *Config
	getenv   func(string) string
	problems []*PositionError
	nodes    int
	gaveUp   bool

	usersGiven, aclGiven bool
	// tlsCertificate and tlsKey are the server's, which sign tokens when there are none for that.
	tlsCertificate, tlsKey *yaml.Node
}

// Load reads and checks the configuration in the file at path, with the files that it names. Environment variables are looked
// up with getenv. Paths are relative to the working directory, as docker_auth's are.
//
// The error holds one [*PositionError] or several, a line each. With an error the Config has nothing but Watched and Fingerprints,
// which say the files whose change may mend it.
func Load(path string, getenv func(string) string) (*Config, error) {
	l := &loader{cfg: &Config{File: path, Refresh: defaultRefresh()}, getenv: getenv}
	l.load(path)
	slices.Sort(l.cfg.Watched)
	l.cfg.Watched = slices.Compact(l.cfg.Watched)
	if len(l.problems) > 0 {
		return &Config{File: path, Watched: l.cfg.Watched, Fingerprints: l.cfg.Fingerprints}, joinProblems(l.problems)
	}
	return l.cfg, nil
}

func (l *loader) problem(at Position, err error) {
	l.problems = append(l.problems, &PositionError{at, err})
}

func (l *loader) warning(at Position, text string) {
	l.cfg.Warnings = append(l.cfg.Warnings, Warning{at, text})
}

func (l *loader) load(path string) {
	content, err := l.readFile(path)
	if err != nil {
		l.problem(Position{path, 0}, bare(err))
		return
	}
	root, r := l.read(path, content)
	if root == nil {
		return
	}
	sections := l.sections(r, root)
	if len(l.problems) == 0 {
		l.check(path, sections)
	}
}

// sections reads the sections of the main file, and returns where they are.
func (l *loader) sections(r *reader, root *yaml.Node) map[string]*yaml.Node {
	sections := make(map[string]*yaml.Node)
	r.entries(root, "the configuration", func(key, value *yaml.Node) {
		sections[key.Value] = key
		r.section(key, value)
	})
	return sections
}

func (r *reader) section(key, value *yaml.Node) {
	switch key.Value {
	case "server":
		r.server(key, value)
	case "token":
		r.token(key, value)
	case "users":
		r.users(key, value)
	case "ext_auth":
		r.cfg.ExtAuth = r.command(key, value)
	case "ext_authz":
		r.cfg.ExtAuthz = r.command(key, value)
	case "acl", "acl_file", "acl_dir":
		r.rules(key.Value, value, &r.cfg.Rules)
		r.aclGiven = r.aclGiven || !isNull(r.resolve(value))
	case "tests":
		r.tests(value)
	case "refresh_tokens":
		r.refreshTokens(value)
	case "refresh_admin":
		r.refreshAdmin(key, value)
	case "throttle":
		r.throttle(value)
	case "metrics":
		r.metrics(value)
	default:
		if backEnd := backEndOf(key.Value); backEnd != "" {
			r.fail(key, "%s: this server has no back end for %s; remove the section, or ask a program of yours with %s", key.Value, backEnd, insteadOf(key.Value))
			return
		}
		r.fail(key, "unknown key %q in the configuration", key.Value)
	}
}

// check looks at what cannot be said of one section alone. It comes when each is right in itself.
func (l *loader) check(path string, sections map[string]*yaml.Node) {
	line := func(section string) Position {
		if key := sections[section]; key != nil {
			return Position{path, key.Line}
		}
		return Position{path, 1}
	}
	if !l.usersGiven && l.cfg.ExtAuth == nil {
		l.problem(line("users"), errors.New("there is neither users nor ext_auth, so that nobody could log in; write users: {} if that is meant"))
	}
	if !l.aclGiven && l.cfg.ExtAuthz == nil && !l.servicesHaveRules() {
		l.problem(line("acl"), errors.New("there is neither acl nor ext_authz, so that nothing would be allowed; write acl: [] if that is meant"))
	}
	l.checkServer(line("server"))
	l.checkToken(line("token"))
	l.compileRules()
	l.checkTests()
	l.checkRefreshAdmin()
	if l.cfg.ExtAuth != nil && !l.usersGiven {
		l.warning(line("ext_auth"), "the program of ext_auth is not asked about requests without credentials; they are refused unless users has an entry \"\"")
	}
}
