package password_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/authntest"
	"github.com/berthpass/registry-auth/authn/password"
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

// The table ignores case, and the robot may only pull.
func TestSourceKeepsTheContract(t *testing.T) {
	limit := &authn.Limit{Scopes: []scope.Scope{
		{Type: scope.TypeRepository, Name: "team/*", Actions: []string{"pull"}},
	}}
	subjects := map[string]authn.Subject{
		"alice": {Name: "alice", Labels: map[string][]string{"group": {"devs"}}},
		"robot": {Name: "robot", Kind: authn.KindServiceAccount, Limit: limit},
	}
	hashes := map[string]authn.Secret{"alice": hash(t, "wonderland"), "robot": hash(t, "tin")}
	var mu sync.Mutex
	down := error(nil)
	users := password.Source(func(_ context.Context, name string) (authn.Subject, authn.Secret, error) {
		mu.Lock()
		defer mu.Unlock()
		name = strings.ToLower(name)
		if _, known := subjects[name]; !known && down == nil {
			return authn.Subject{}, "", authn.ErrNoMatch
		}
		return subjects[name], hashes[name], down
	}, password.SourceConfig{Decoy: password.Decoy()})

	authntest.Run(t, authntest.Suite{
		Source: users,
		Logins: []authntest.Login{
			{
				Request: authn.Request{Username: "Alice", Password: "wonderland"},
				Subject: subjects["alice"],
			},
			{
				Request: authn.Request{Username: "robot", Password: "tin"},
				Subject: subjects["robot"],
			},
		},
		Wrong:   []authn.Request{{Username: "alice", Password: "tin"}},
		Unknown: []authn.Request{{Username: "bob", Password: "wonderland"}},
		Change: func() authn.Request {
			hashes["alice"] = hash(t, "jabberwocky")
			return authn.Request{Username: "alice", Password: "jabberwocky"}
		},
		Break: func() { down = errors.New("the database is down") },
	})
}
