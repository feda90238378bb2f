package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/token"
)

const (
	serviceName = "quickstart-registry" // the tokens' audience
	issuerName  = "quickstart-token-server"
	tokenPath   = "/token"
)

// serve runs both servers until ctx is done, and then lets the requests that are under way finish.
func serve(ctx context.Context, opts options, stdout io.Writer) error {
	if opts.data != "" {
		if err := prepareFolder(opts.data); err != nil {
			return fmt.Errorf("the folder for the images cannot be written: %w", err)
		}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", opts.addr)
	if err != nil {
		return fmt.Errorf("%w (-addr chooses another address)", err)
	}
	defer listener.Close()
	host := clientHost(opts.addr, listener.Addr())

	background, stop := context.WithCancel(context.WithoutCancel(ctx)) // ends after the last request and not with ctx
	defer stop()
	handler, err := newHandler(background, host, opts.data, stdout)
	if err != nil {
		return err
	}
	printWelcome(stdout, host, opts)
	return serveHTTP(ctx, listener, handler, func() error { return pushHello(ctx, host) })
}

// newHandler puts the token server and the registry together.
func newHandler(ctx context.Context, host, data string, stdout io.Writer) (http.Handler, error) {
	realm := "http://" + host + tokenPath
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		return nil, err
	}
	tokenServer, err := newTokenServer(key, stdout)
	if err != nil {
		return nil, err
	}
	registry, err := newRegistry(ctx, registryConfig{
		realm:   realm,
		service: serviceName,
		issuer:  issuerName,
		bundle:  key.CertificatePEM(),
		data:    data,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(tokenPath, tokenServer)
	mux.Handle("/v2/", registry)
	return mux, nil
}

// newTokenServer gives out no refresh tokens: docker would keep one in place of the password, and the next start of this
// program, with nothing but memory to remember it by, would refuse it.
func newTokenServer(key *token.Key, stdout io.Writer) (*auth.Server, error) {
	users, err := newUsers()
	if err != nil {
		return nil, err
	}
	return auth.NewServer(auth.Config{
		Service:          serviceName,
		Issuer:           token.IssuerConfig{Name: issuerName, Keys: key},
		Authenticator:    users,
		AnonymousAllowed: true,
		Authorizer:       newPolicy(),
		BasicRealm:       serviceName,
		Audit:            printDecisions(stdout),
	})
}

const shutdownTimeout = 10 * time.Second

// serveHTTP answers requests until ctx is done; started is called once it does.
func serveHTTP(ctx context.Context, listener net.Listener, handler http.Handler, started func() error) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
		// No ReadTimeout and no WriteTimeout: they bound a whole request, and a large layer takes as long as it takes. The
		// token server bounds its own requests.
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	err := started()
	if ctx.Err() != nil {
		err = nil // it was told to end before it was there
	}
	if err == nil {
		select {
		case err = <-served:
		case <-ctx.Done():
		}
	}
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if late := server.Shutdown(finish); late != nil {
		_ = server.Close()
		err = errors.Join(err, fmt.Errorf("requests that were still under way after %v are cut off", shutdownTimeout))
	}
	return err
}

// clientHost is the host and port by which clients reach the listener. It says localhost for a loopback address, since some
// clients refuse to ask for a token at an IP address of a private network that is not the registry's own.
func clientHost(addr string, listening net.Addr) string {
	host, _, _ := net.SplitHostPort(addr) // Listen has parsed both
	_, port, _ := net.SplitHostPort(listening.String())
	if everywhere(addr) || host == "127.0.0.1" || host == "::1" {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// everywhere reports whether a server at addr listens on all of the machine's addresses.
func everywhere(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}
