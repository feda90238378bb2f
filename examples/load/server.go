package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authn/throttle"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/examples/internal/load"
	"github.com/berthpass/registry-auth/examples/internal/loopback"
	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/refresh"
)

const (
	serviceName  = "registry.example.com"
	issuerName   = "auth.example.com"
	publicFolder = "library"
	warmUsers    = 100
	coldUsers    = 5000
)

// A server is the token server that is asked when there is no other: as one would run it, with a cache, a throttle and refresh
// tokens, but all of it in memory.
type server struct {
	*loopback.Server

	people people
	tokens *token.Verifier
}

func newServer(ctx context.Context, o *options) (*server, error) {
	s := &server{}
	handler, err := s.handler(min(warmUsers, o.nodes))
	if err != nil {
		return nil, err
	}
	s.Server, err = loopback.Serve(ctx, "/token", handler)
	return s, err
}

func (s *server) handler(warm int) (http.Handler, error) {
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		return nil, err
	}
	issuer, err := token.NewIssuer(token.IssuerConfig{Name: issuerName, Keys: key})
	if err != nil {
		return nil, err
	}
	s.tokens, err = token.NewVerifier(token.VerifierConfig{Issuer: issuerName, Audience: serviceName, Keys: issuer.KeySet()})
	if err != nil {
		return nil, err
	}
	users, err := s.newUsers(warm)
	if err != nil {
		return nil, err
	}
	refreshTokens, err := refresh.New(refresh.Config{Store: refresh.NewMemoryStore()})
	if err != nil {
		return nil, err
	}
	return auth.NewServer(auth.Config{
		Services:         auth.ServiceMap{serviceName: issuer},
		Authenticator:    throttle.New(authn.Cache(users, authn.CacheConfig{}), throttle.Config{}),
		AnonymousAllowed: true,
		Authorizer:       authz.First(authz.PublicPull(publicFolder), authz.OwnNamespace()),
		RefreshTokens:    refreshTokens,
		Logger:           slog.New(slog.NewJSONHandler(discard{}, nil)), // it is written, as it would be, to nowhere
	})
}

// newUsers makes people up. They share a password, since making a hash takes as long as checking one.
func (s *server) newUsers(warm int) (authn.Authenticator, error) {
	secret := rand.Text()
	hash, err := password.NewHash(authn.Secret(secret))
	if err != nil {
		return nil, err
	}
	var list []static.User
	invent := func(prefix string, count int) (made []load.User) {
		for i := range count {
			name := fmt.Sprintf("%s%d", prefix, i)
			list = append(list, static.User{Name: name, PasswordHash: hash})
			made = append(made, load.User{Name: name, Password: secret})
		}
		return made
	}
	s.people = people{warm: invent("user", warm), cold: invent("newcomer", coldUsers)}
	return static.New(static.Config{Users: list})
}

// verify is a registry's view of a token.
func (s *server) verify(text string) error {
	claims, err := s.tokens.Verify(text)
	if err != nil {
		return err
	}
	if len(claims.Access) != 1 {
		return fmt.Errorf("the token of %q grants %d scopes, and one was asked for", claims.Subject, len(claims.Access))
	}
	return nil
}

// discard is a log that is written and kept nowhere. slog leaves out the work for io.Discard.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
