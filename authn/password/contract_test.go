package password_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/authntest"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/throttle"
	"github.com/berthpass/registry-auth/scope"
)

func hash(t *testing.T, plain string) authn.Secret {
	t.Helper()
	encoded, err := bcrypt.GenerateFromPassword([]byte(plain), 5)
	if err != nil {
		t.Fatal(err)
	}
	return authn.Secret(encoded)
}

func TestSourceKeepsTheContract(t *testing.T) {
	for name, decorate := range map[string]func(authn.Authenticator) authn.Authenticator{
		"alone": func(a authn.Authenticator) authn.Authenticator { return a },
		"behind a Cache": func(a authn.Authenticator) authn.Authenticator {
			return authn.Cache(a, authn.CacheConfig{})
		},
		"in a Chain": func(a authn.Authenticator) authn.Authenticator { return authn.Chain(a) },
		"behind a throttle": func(a authn.Authenticator) authn.Authenticator {
			return throttle.New(a, throttle.Config{RefusalDelay: -1})
		},
	} {
		t.Run(name, func(t *testing.T) { sourceKeepsTheContract(t, decorate) })
	}
}

// The table ignores case, and the robot may only pull.
func sourceKeepsTheContract(
	t *testing.T, decorate func(authn.Authenticator) authn.Authenticator,
) {
	t.Helper()
	limit := &authn.Limit{Scopes: []scope.Scope{
		{Type: scope.TypeRepository, Name: "team/*", Actions: []string{"pull"}},
	}}
	subjects := map[string]authn.Subject{
		"alice": {Name: "alice", Labels: map[string][]string{"group": {"devs"}}},
		"robot": {Name: "robot", Kind: authn.KindServiceAccount, Limit: limit},
	}
	hashes := map[string]authn.Secret{"alice": hash(t, "wonderland"), "robot": hash(t, "tin")}
	var down error
	find := func(_ context.Context, name string) (authn.Subject, authn.Secret, error) {
		name = strings.ToLower(name)
		if _, known := subjects[name]; !known && down == nil {
			return authn.Subject{}, "", authn.ErrNoMatch
		}
		return subjects[name], hashes[name], down
	}
	login := func(name string, typed authn.Secret) authn.Request {
		return authn.Request{Username: name, Password: typed}
	}
	authntest.Run(t, authntest.Suite{
		Source: decorate(password.Source(find, password.SourceConfig{})),
		Logins: []authntest.Login{
			{Request: login("Alice", "wonderland"), Subject: subjects["alice"]},
			{Request: login("robot", "tin"), Subject: subjects["robot"]},
		},
		Wrong:   []authn.Request{login("alice", "tin")},
		Unknown: []authn.Request{login("bob", "wonderland")},
		Change: func() authn.Request {
			hashes["alice"] = hash(t, "jabberwocky")
			return login("alice", "jabberwocky")
		},
		Break: func() { down = errors.New("the database is down") },
	})
}
