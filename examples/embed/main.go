// Command embed is a web service that is also the token server of a registry.
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/refresh"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p, err := openPortal()
	if err != nil {
		log.Fatal(err)
	}
	keys := token.KeyFiles("portal.key", "portal.crt") // made at the first start
	tokens, err := p.tokenServer("registry.example.com", keys, p.credentials())
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("/token", tokens)
	server := &http.Server{
		Addr: "localhost:8080", MaxHeaderBytes: 32 << 10,
		ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
	}
	ended := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		stop() // a second signal ends the program at once
		timeout, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel() // longer than the default of auth.Config.Timeout
		ended <- server.Shutdown(timeout)
	})
	if err = server.ListenAndServe(); errors.Is(err, http.ErrServerClosed) {
		err = <-ended
	}
	if err != nil {
		log.Fatal(err)
	}
}

func (p *portal) tokenServer(
	service string, keys token.Keys, users authn.Authenticator,
) (*auth.Server, error) {
	return auth.NewServer(auth.Config{
		Service: service, Issuer: token.IssuerConfig{Name: "portal.example.com", Keys: keys},
		Credentials: readCookie, Authenticator: users, Authorizer: policy(p.rules()),
		RefreshTokens: refresh.InMemory(), // a restart asks people to log in again
	})
}
