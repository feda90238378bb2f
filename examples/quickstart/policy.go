package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

// A user of the story. Programs for real use have no password in them.
type user struct {
	name     string
	password authn.Secret
}

func alice() user { return user{name: "alice", password: "wonderland"} }
func bob() user   { return user{name: "bob", password: "builder"} }

// newUsers returns the source of users. The cache is there because clients send the password with each token request, and
// checking one is slow on purpose.
func newUsers() (authn.Authenticator, error) {
	var list []static.User
	for _, u := range []user{alice(), bob()} {
		hash, err := password.NewHash(u.password)
		if err != nil {
			return nil, fmt.Errorf("hash the password of %s: %w", u.name, err)
		}
		list = append(list, static.User{Name: u.name, PasswordHash: hash})
	}
	users, err := static.New(static.Config{Users: list})
	if err != nil {
		return nil, err
	}
	return authn.Cache(users, authn.CacheConfig{}), nil
}

// publicFolder holds the repositories that everybody may pull.
const publicFolder = "public"

// newPolicy says who may do what: users own their namespace, users may push to the public folder, everybody may pull from it.
// Nothing is said about the catalog, so nobody may list all repositories.
func newPolicy() authz.Authorizer {
	return authz.ByType{
		scope.TypeRepository: authz.First(usersPushTo(publicFolder), authz.PublicPull(publicFolder), authz.OwnNamespace()),
	}
}

// usersPushTo lets every user, and not the anonymous subject, push to the repositories below a prefix.
func usersPushTo(prefix string) authz.Authorizer {
	return authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
		if r.Subject.Anonymous() || !strings.HasPrefix(r.Scope.Name, prefix+"/") {
			return authz.Decision{NoMatch: true}, nil
		}
		return authz.Decision{
			Actions: r.Scope.Intersect([]string{scope.ActionPull, scope.ActionPush}).Actions,
			Reason:  prefix + "/ is open to users",
		}, nil
	})
}
