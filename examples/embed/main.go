// Command embed is a web service with users of its own that is also the token server of a registry.
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/throttle"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/token"
)

func main() {
	handler, err := newHandler(token.KeyFiles("portal.key", "portal.crt"))
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{
		Addr:              "localhost:8080",
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    32 << 10,
	}
	log.Printf("portal at http://%s/, token server at http://%s/token", server.Addr, server.Addr)
	log.Fatal(server.ListenAndServe())
}

// newHandler is the service: its pages, and the token endpoint beside them.
func newHandler(keys token.Keys) (http.Handler, error) {
	portal, err := newPortal()
	if err != nil {
		return nil, err
	}
	users := authn.Cache(portalUsers{portal}, authn.CacheConfig{})
	tokens, err := auth.NewServer(auth.Config{
		Service:       "registry.example.com",
		Issuer:        token.IssuerConfig{Name: "portal", Keys: keys},
		Authenticator: throttle.New(users, throttle.Config{}),
		Authorizer:    authz.First(teamNamespaces(), authz.OwnNamespace(), authz.DenyAll()),
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", portal.home)
	mux.Handle("/token", tokens)
	return mux, nil
}

// portalUsers says in the library's words what the portal knows about its users.
type portalUsers struct{ portal *portal }

// Authenticate checks a password.
func (u portalUsers) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	account, err := u.portal.login(ctx, r.Username, r.Password)
	return subjectOf(account, err)
}

// Lookup says who a user is now. With it a remembered password counts no longer than the account is as it was.
func (u portalUsers) Lookup(_ context.Context, name string) (authn.Subject, error) {
	account, err := u.portal.account(name)
	return subjectOf(account, err)
}

func subjectOf(account account, err error) (authn.Subject, error) {
	switch {
	case errors.Is(err, errNoAccount):
		return authn.Subject{}, authn.ErrNoMatch // 401, unless another source of users knows the name
	case errors.Is(err, errWrongPassword):
		return authn.Subject{}, authn.ErrRejected // 401
	case err != nil:
		return authn.Subject{}, err // 503: the client keeps its password and tries again
	}
	return authn.Subject{Name: account.name, Labels: map[string][]string{"team": account.teams}, Stamp: account.version}, nil
}

// teamNamespaces lets the members of a team pull and push what is below teams/<team>/, and nobody else.
func teamNamespaces() authz.Authorizer {
	return authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
		path := strings.Split(r.Scope.Name, "/")
		switch {
		case r.Scope.Type != "repository" || path[0] != "teams":
			return authz.Decision{NoMatch: true}, nil // the next authorizer is asked
		case len(path) < 3 || !slices.Contains(r.Subject.Labels["team"], path[1]):
			return authz.Decision{Reason: "not a member of the team"}, nil
		}
		return authz.Decision{Actions: r.Scope.Intersect([]string{"pull", "push"}).Actions, Reason: "member of " + path[1]}, nil
	})
}
