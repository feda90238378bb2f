// Command authorizer is a token server with an authorizer of its own: customers pull the products that they have a licence for.
// The authorizer is licence.go, and its test licence_test.go.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/token"
)

func main() {
	addr := flag.String("addr", "localhost:5001", "the address to listen on, host:port")
	flag.Parse()
	handler, err := tokenServer()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Acme has a licence for products/database, which shows in the token's \"access\":\n\n"+
		"  curl -u acme:licence-key 'http://%s/token?service=registry.example.com&scope=repository:products/database:pull'\n\n", *addr)
	server := &http.Server{
		Addr:              *addr,
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    32 << 10,
	}
	log.Fatal(server.ListenAndServe())
}

func tokenServer() (http.Handler, error) {
	hash, err := password.NewHash("licence-key")
	if err != nil {
		return nil, err
	}
	customers, err := static.New(static.Config{Users: []static.User{
		{Name: "acme", PasswordHash: hash},
	}})
	if err != nil {
		return nil, err
	}
	sold := licences{
		lastDay: map[string]map[string]time.Time{"acme": {"database": date(2099, 12, 31)}},
		now:     time.Now,
	}
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		return nil, err
	}
	issuer, err := token.NewIssuer(token.IssuerConfig{Name: "licences", Keys: key})
	if err != nil {
		return nil, err
	}
	server, err := auth.NewServer(auth.Config{
		Services:      auth.ServiceMap{"registry.example.com": issuer},
		Authenticator: authn.Cache(customers, authn.CacheConfig{}),
		Authorizer:    authz.First(sold, authz.DenyAll()),
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/token", server)
	return mux, nil
}

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}
