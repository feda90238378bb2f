package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/distribution/distribution/v3/configuration"
	_ "github.com/distribution/distribution/v3/registry/auth/token" // the "token" in Auth
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
	ggcr "github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/sirupsen/logrus"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/token"
)

const serviceName, issuerName = "quickstart-registry", "quickstart-token-server"

// newHandler puts the token server and a registry that trusts its certificate together.
func newHandler(ctx context.Context, host string) (http.Handler, error) {
	folder, err := os.MkdirTemp("", "quickstart-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder) // both have read their files by then
	certificate := filepath.Join(folder, "auth.crt")
	keys := token.KeyFiles(filepath.Join(folder, "auth.key"), certificate)
	// Made by htpasswd -nBC 10 alice, with the password wonderland, and likewise bob, builder.
	const alice = "$2y$10$m2P0GHb8KfHjPaY12hOwVOE9qi80wtWfHNxZTTXW11p71qaI9Qv5a"
	const bob = "$2y$10$PG3zxOGr5ncAJcR4rHOEcuqG9NZ2RWQpD7EKLn7ueZtG4weR6wKie"
	list := []static.User{{Name: "alice", PasswordHash: alice}, {Name: "bob", PasswordHash: bob}}
	users, err := static.New(static.Config{Users: list})
	if err != nil {
		return nil, err
	}
	tokens, err := auth.NewServer(auth.Config{
		Service:          serviceName,
		Issuer:           token.IssuerConfig{Name: issuerName, Keys: keys},
		Authenticator:    authn.Cache(users, authn.CacheConfig{}), // checking a hash is slow
		AnonymousAllowed: true,
		Authorizer:       authz.First(rules()...),
		Audit:            func(_ context.Context, r auth.AuditRecord) { printDecisions(os.Stdout, r) },
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/token", tokens)
	mux.Handle("/v2/", newRegistry(ctx, "http://"+host+"/token", certificate))
	return mux, nil
}

func newRegistry(ctx context.Context, realm, certificate string) http.Handler {
	logrus.SetOutput(io.Discard) // the registry's log would hide the decisions
	return handlers.NewApp(ctx, &configuration.Configuration{
		Storage: configuration.Storage{"inmemory": {}, "delete": {"enabled": true}},
		Auth: configuration.Auth{"token": {
			"realm": realm, "service": serviceName, "issuer": issuerName,
			"rootcertbundle": certificate,
		}},
	})
}

// rules are the policy: the first that has something to say about a repository decides.
func rules() []authz.Authorizer {
	return []authz.Authorizer{authz.Func(publish), authz.PublicPull("public"), authz.OwnNamespace()}
}

// publish lets users push to public/*.
func publish(_ context.Context, r authz.Request) (authz.Decision, error) {
	public := r.Scope.Type == "repository" && strings.HasPrefix(r.Scope.Name, "public/")
	if !public || r.Subject.Anonymous() {
		return authz.Decision{NoMatch: true}, nil // the next rule is asked
	}
	allowed := r.Scope.Intersect([]string{"pull", "push"})
	return authz.Decision{Actions: allowed.Actions, Reason: "users publish"}, nil
}

// printDecisions makes what clients wrote safe for a terminal.
func printDecisions(w io.Writer, r auth.AuditRecord) {
	safe := func(text string) string { return strings.Trim(fmt.Sprintf("%+q", text), `"`) }
	name := cmp.Or(r.Subject.Name, r.Username, "anonymous")
	line := log.New(w, safe(name)+": ", log.Ltime|log.Lmsgprefix)
	if r.Err != nil {
		line.Print("refused with ", r.Status, " ", http.StatusText(r.Status))
	} else if len(r.Decisions) == 0 {
		line.Print("login -> welcome")
	}
	for _, d := range r.Decisions {
		granted := cmp.Or(strings.Join(d.Granted, ","), "nothing")
		line.Printf("%s -> %s (%s)", safe(d.Asked.String()), granted, d.Reason)
	}
}

// pushSample pushes public/hello as any client does, so that there is something to pull.
func pushSample(ctx context.Context, host string) error {
	image, err := crane.Image(map[string][]byte{"hello.txt": []byte("Hello!\n")})
	if err != nil {
		return err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return err
	}
	bob := crane.WithAuth(&ggcr.Basic{Username: "bob", Password: "builder"})
	return crane.Push(image, host+"/public/hello:1", bob, crane.WithContext(ctx))
}
