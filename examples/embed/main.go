// Command embed is a web service that is also the token server of a registry. Its users log in with
// each of the credentials that a service may have.
package main

import (
	"context"
	"log"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/throttle"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/refresh"
)

func main() {
	hash, err := password.NewHash("wonderland")
	if err != nil {
		log.Fatal(err)
	}
	p := &portal{users: map[string]user{
		"alice": {name: "alice", passwordHash: hash, teams: []string{"web"}},
	}}
	tokens, err := p.tokenServer(token.KeyFiles("portal.key", "portal.crt"))
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("/token", tokens)
	server := &http.Server{Addr: "localhost:8080", ReadHeaderTimeout: 5 * time.Second}
	log.Printf("the token server is at http://%s/token", server.Addr)
	log.Fatal(server.ListenAndServe())
}

// tokenServer is the handler of /token. Tokens of 128 random bits cannot be guessed, and need
// neither a throttle nor a cache.
func (p *portal) tokenServer(keys token.Keys, others ...authn.Authenticator) (*auth.Server, error) {
	users := throttle.New(authn.Cache(p.passwords(), authn.CacheConfig{}), throttle.Config{})
	tokens := []authn.Authenticator{authn.Func(p.loggedIn), personalTokens{p}, apiKeys{p}}
	return auth.NewServer(auth.Config{
		Service:       "registry.example.com",
		Issuer:        token.IssuerConfig{Name: "portal.example.com", Keys: keys},
		Credentials:   readCookie,
		Authenticator: authn.Chain(append(append(tokens, others...), users)...),
		Authorizer:    authz.First(authz.Func(teams), authz.OwnNamespace()),
		RefreshTokens: refresh.InMemory(),
	})
}

// teams lets the members of a team pull and push below teams/<team>/, and nobody else.
func teams(_ context.Context, r authz.Request) (authz.Decision, error) {
	path := strings.Split(r.Scope.Name, "/")
	if r.Scope.Type != "repository" || path[0] != "teams" {
		return authz.Decision{NoMatch: true}, nil // the next authorizer is asked
	}
	row, _ := r.Subject.Data.(user)
	if len(path) < 3 || !slices.Contains(row.teams, path[1]) {
		return authz.Decision{Reason: "not a member of the team"}, nil
	}
	allowed := r.Scope.Intersect([]string{"pull", "push"})
	return authz.Decision{Actions: allowed.Actions, Reason: "member of " + path[1]}, nil
}
