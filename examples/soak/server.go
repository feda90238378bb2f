package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/htpasswd"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authn/throttle"
	"github.com/berthpass/registry-auth/authz/acl"
	"github.com/berthpass/registry-auth/examples/internal/loopback"
	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/refresh"
)

const (
	serviceName = "registry.example.com"
	issuerName  = "auth.example.com"
	// refreshTokensEach is how many refresh tokens a user may have. All have as many soon, and their number stays.
	refreshTokensEach = 3
	// The cost of a hash is low on purpose: the machine is to issue tokens and not to compare passwords.
	hashCost = 6
)

// rules are the policy that oracle.go works out in another way.
const rules = `[
	{"match": {"name": "public/*"}, "actions": ["pull"], "comment": "anybody may pull these"},
	{"match": {"type": "registry", "name": "catalog", "account": "user0"}, "actions": ["*"], "comment": "the administrator's"},
	{"match": {"account": "/.+/", "name": "${account}/*", "type": "repository"}, "actions": ["*"], "comment": "one's own"},
	{"match": {"labels": {"group": "?*"}, "name": "${labels:group}-shared/*"}, "actions": ["pull", "push"], "comment": "a group's"}
]`

// A server is the token server: users of a file and robots of a list, whose passwords are remembered, guesses that are
// throttled, refresh tokens, and rules.
type server struct {
	*loopback.Server

	folder string
	bundle string // file with the certificate
	people []account
}

func newServer(ctx context.Context, users int) (*server, error) {
	folder, err := os.MkdirTemp("", "soak-")
	if err != nil {
		return nil, err
	}
	s := &server{folder: folder, bundle: filepath.Join(folder, "bundle.pem"), people: newAccounts(users)}
	if err = s.start(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return s, nil
}

func (s *server) start(ctx context.Context) error {
	config, err := s.config()
	if err != nil {
		return err
	}
	tokens, err := auth.NewServer(config)
	if err != nil {
		return err
	}
	s.Server, err = loopback.Serve(ctx, "/token", tokens)
	return err
}

// close stops the server and tells what went wrong.
func (s *server) close() error {
	return errors.Join(s.Close(), os.RemoveAll(s.folder))
}

func (s *server) config() (auth.Config, error) {
	issuer, err := s.issuer()
	if err != nil {
		return auth.Config{}, err
	}
	users, err := s.users()
	if err != nil {
		return auth.Config{}, err
	}
	parsed, err := acl.ParseJSON([]byte(rules))
	if err != nil {
		return auth.Config{}, err
	}
	list, _, err := acl.Compile(parsed)
	if err != nil {
		return auth.Config{}, err
	}
	refreshTokens, err := refresh.New(refresh.Config{
		Store: refresh.NewMemoryStore(), MaxPerSubject: refreshTokensEach,
	})
	if err != nil {
		return auth.Config{}, err
	}
	return auth.Config{
		Services:         auth.ServiceMap{serviceName: issuer},
		Authenticator:    throttle.New(authn.Cache(users, authn.CacheConfig{}), throttle.Config{}),
		AnonymousAllowed: true,
		Authorizer:       list,
		RefreshTokens:    refreshTokens,
		RemoteAddr:       claimedAddress,
		Logger:           slog.New(slog.NewJSONHandler(discard{}, nil)), // it is written, as it would be, to nowhere
	}, nil
}

func (s *server) issuer() (*token.Issuer, error) {
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(s.bundle, key.CertificatePEM(), 0o600); err != nil {
		return nil, err
	}
	return token.NewIssuer(token.IssuerConfig{Name: issuerName, Keys: key})
}

// users writes people to a file and makes a list of robots.
func (s *server) users() (authn.Authenticator, error) {
	quiet := slog.New(slog.DiscardHandler) // the hashes are weak, and known to be
	checker := &password.Checker{}
	var lines strings.Builder
	var robots []static.User
	for _, a := range s.people {
		hash, err := bcrypt.GenerateFromPassword([]byte(a.password), hashCost)
		if err != nil {
			return nil, err
		}
		if a.robot {
			robots = append(robots, static.User{
				Name: a.name, PasswordHash: authn.Secret(hash), Kind: authn.KindServiceAccount, Labels: map[string][]string{"group": a.groups},
			})
			continue
		}
		_, _ = fmt.Fprintf(&lines, "%s:%s\n", a.name, hash)
	}
	path := filepath.Join(s.folder, "users.htpasswd")
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		return nil, err
	}
	file, err := htpasswd.Open(htpasswd.Config{File: path, Checker: checker, Logger: quiet})
	if err != nil {
		return nil, err
	}
	list, err := static.New(static.Config{Users: robots, Checker: checker, Logger: quiet})
	if err != nil {
		return nil, err
	}
	return authn.Chain(file, list), nil
}

const addressHeader = "X-Forwarded-For"

// claimedAddress believes the header, as behind a proxy: all clients of the soak are this process.
func claimedAddress(r *http.Request) netip.Addr {
	address, err := netip.ParseAddr(r.Header.Get(addressHeader))
	if err != nil {
		return netip.Addr{}
	}
	return address
}

// discard is a log that is written and kept nowhere. slog leaves out the work for io.Discard.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
