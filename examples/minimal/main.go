// Command minimal is the smallest complete token server.
package main

import (
	"log"
	"net/http"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/htpasswd"
	"github.com/berthpass/registry-auth/authn/throttle"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/refresh"
)

func main() {
	users, err := htpasswd.Open(htpasswd.Config{File: "users.htpasswd"})
	if err != nil {
		log.Fatal(err)
	}
	keys := token.KeyFiles("auth.key", "auth.crt") // made at the first start
	server, err := auth.NewServer(auth.Config{
		Service:       "registry.example.com",
		Issuer:        token.IssuerConfig{Name: "auth.example.com", Keys: keys},
		Authenticator: throttle.New(authn.Cache(users, authn.CacheConfig{}), throttle.Config{}),
		Authorizer:    authz.OwnNamespace(), // alice may pull and push alice/app
		RefreshTokens: refresh.InMemory(),
	})
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("/token", server)
	listener := &http.Server{Addr: "localhost:5001", ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(listener.ListenAndServe())
}
