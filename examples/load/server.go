package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/examples/internal/load"
	"github.com/berthpass/registry-auth/token"
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
	url    string
	people people
	tokens *token.Verifier
	http   *http.Server
	served chan error
}

func newServer(o *options) (*server, error) {
	s := &server{served: make(chan error, 1)}
	handler, err := s.handler(min(warmUsers, o.nodes))
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/token", handler)
	s.http = &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
	}
	s.url = "http://" + listener.Addr().String() + "/token"
	go func() { s.served <- s.http.Serve(listener) }()
	return s, nil
}

// close stops the server and tells what went wrong.
func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

func (s *server) handler(warm int) (http.Handler, error) {
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		return nil, err
	}
	keys, err := token.NewKeySet(key)
	if err != nil {
		return nil, err
	}
	issuer, err := token.NewIssuer(token.IssuerConfig{Name: issuerName, Keys: keys})
	if err != nil {
		return nil, err
	}
	s.tokens, err = token.NewVerifier(token.VerifierConfig{Issuer: issuerName, Audience: serviceName, Keys: keys})
	if err != nil {
		return nil, err
	}
	users, err := s.newUsers(warm)
	if err != nil {
		return nil, err
	}
	refresh, err := token.NewRefreshTokens(token.RefreshConfig{Store: token.NewRefreshMemory()})
	if err != nil {
		return nil, err
	}
	return auth.NewServer(auth.Config{
		Services:         map[string]*token.Issuer{serviceName: issuer},
		Authenticator:    authn.Throttle(authn.Cache(users, authn.CacheConfig{}), authn.ThrottleConfig{}),
		AnonymousAllowed: true,
		Authorizer:       authz.First(authz.PublicPull(publicFolder), authz.OwnNamespace()),
		RefreshTokens:    refresh,
		Logger:           slog.New(slog.NewJSONHandler(discard{}, nil)), // it is written, as it would be, to nowhere
	})
}

// newUsers makes people up. They share a password, since making a hash takes as long as checking one.
func (s *server) newUsers(warm int) (authn.Authenticator, error) {
	secret := rand.Text()
	hash, err := password.Hash(authn.Secret(secret))
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
	return static.New(list...)
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
