package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/token"
)

// One registry, with a key in files that the first start creates. Its certificate file is the
// rootcertbundle of distribution and zot.
func ExampleNewServer() {
	folder, err := os.MkdirTemp("", "keys")
	check(err)
	defer func() { _ = os.RemoveAll(folder) }()
	users, err := static.New(static.Config{Users: []static.User{{
		Name:         "alice",
		PasswordHash: "$2a$10$/hvP74xkS5/l1rN1CNL4lOgqS8MXFKEb9NmOkelE3CQDjN81Y5EB.", // wonderland
	}}})
	check(err)
	server, err := auth.NewServer(auth.Config{
		Service: "registry.example.com",
		Issuer: token.IssuerConfig{
			Name: "auth.example.com",
			Keys: token.KeyFiles(filepath.Join(folder, "key"), filepath.Join(folder, "crt")),
		},
		Authenticator: authn.Cache(users, authn.CacheConfig{}),
		Authorizer:    authz.OwnNamespace("pull", "push"),
		Audit:         printDecisions,
	})
	check(err)

	request := ask("service=registry.example.com&scope=repository:alice/app:pull,push,delete")
	request.SetBasicAuth("alice", "wonderland")
	server.ServeHTTP(httptest.NewRecorder(), request)
	// Output:
	// basic "alice" at registry.example.com: 200, repository:alice/app:delete,pull,push => [pull push]
}

// Users of a website ask for tokens with its session cookie. The hook only reads the cookie; the
// authenticator looks the session up, so that its errors have the usual meaning.
func ExampleConfig_credentials() {
	type session string
	sessions := map[session]string{"s3cr3t": "alice"}
	server, err := auth.NewServer(auth.Config{
		Service: "registry.example.com",
		Issuer:  exampleIssuer(),
		Credentials: func(r *http.Request) (authn.Request, bool) {
			cookie, err := r.Cookie("session")
			if err != nil {
				return authn.Request{}, false // then HTTP Basic
			}
			return authn.Request{Other: session(cookie.Value)}, true
		},
		Authenticator: authn.Func(func(_ context.Context, r authn.Request) (authn.Subject, error) {
			id, ok := r.Other.(session)
			if !ok {
				return authn.Subject{}, authn.ErrNoMatch
			}
			name, ok := sessions[id]
			if !ok {
				return authn.Subject{}, authn.ErrRejected
			}
			return authn.Subject{Name: name}, nil
		}),
		Authorizer: authz.OwnNamespace(),
		Audit:      printDecisions,
	})
	check(err)

	for _, cookie := range []string{"s3cr3t", "guessed"} {
		request := ask("service=registry.example.com&scope=repository:alice/app:pull")
		request.AddCookie(&http.Cookie{Name: "session", Value: cookie})
		server.ServeHTTP(httptest.NewRecorder(), request)
	}
	// Output:
	// other "alice" at registry.example.com: 200, repository:alice/app:pull => [pull]
	// other "" at registry.example.com: 401
}

// Each tenant has a registry on a host of its own, and a key of its own.
func ExampleServiceFunc() {
	tenants := make(map[string]*token.Issuer) // as from a database
	for _, host := range []string{"alpha.example.com", "beta.example.com"} {
		issuer, err := token.NewIssuer(exampleIssuer())
		check(err)
		tenants[host] = issuer
	}
	server, err := auth.NewServer(auth.Config{
		Services: auth.ServiceFunc(func(_ context.Context, name string) (auth.Issuer, error) {
			issuer, ok := tenants[name]
			if !ok {
				return nil, auth.ErrUnknownService // never an issuer for any name
			}
			return issuer, nil
		}),
		DefaultService:   func(r *http.Request) string { return r.Host },
		AnonymousAllowed: true,
		Authorizer:       authz.PublicPull("public"),
		Audit:            printDecisions,
	})
	check(err)

	for _, host := range []string{"beta.example.com", "evil.example.com"} {
		request := ask("scope=repository:public/app:pull")
		request.Host = host
		server.ServeHTTP(httptest.NewRecorder(), request)
	}
	// Output:
	// none "" at beta.example.com: 200, repository:public/app:pull => [pull]
	// none "" at evil.example.com: 400
}

// A header of a proxy counts only on connections from the proxy: anybody can send one.
func ExampleConfig_remoteAddr() {
	proxy := netip.MustParseAddr("10.0.0.2")
	remoteAddr := func(r *http.Request) netip.Addr {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || peer.Addr().Unmap() != proxy {
			return peer.Addr().Unmap()
		}
		// The last address is the one that the proxy has added. The client chose the others.
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		client, err := netip.ParseAddr(strings.TrimSpace(hops[len(hops)-1]))
		if err != nil {
			return peer.Addr().Unmap()
		}
		return client.Unmap()
	}
	server, err := auth.NewServer(auth.Config{
		Service:          "registry.example.com",
		Issuer:           exampleIssuer(),
		AnonymousAllowed: true,
		Authorizer:       authz.PublicPull("public"),
		RemoteAddr:       remoteAddr,
		Audit: func(_ context.Context, record auth.AuditRecord) {
			fmt.Println(record.RemoteAddr)
		},
	})
	check(err)

	for _, peer := range []string{"10.0.0.2:40000", "198.51.100.7:40000"} {
		request := ask("service=registry.example.com")
		request.RemoteAddr = peer
		request.Header.Set("X-Forwarded-For", "203.0.113.9, 192.0.2.44")
		server.ServeHTTP(httptest.NewRecorder(), request)
	}
	// Output:
	// 192.0.2.44
	// 198.51.100.7
}

func exampleIssuer() token.IssuerConfig {
	key, err := token.GenerateKey(token.ES256)
	check(err)
	return token.IssuerConfig{Name: "auth.example.com", Keys: key}
}

func ask(query string) *http.Request {
	return httptest.NewRequest(http.MethodGet, "/token?"+query, nil)
}

func printDecisions(_ context.Context, r auth.AuditRecord) {
	fmt.Printf("%s %q at %s: %d", r.Credentials, r.Subject.Name, r.Service, r.Status)
	for _, d := range r.Decisions {
		fmt.Printf(", %s => %v", d.Asked, d.Granted)
	}
	fmt.Println()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
