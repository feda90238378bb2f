package authn_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/berthpass/registry-auth/authn"
)

// A check that rejects empty credentials would undo anonymous access.
func TestPasswordsAreChecked(t *testing.T) {
	broken := errors.New("the database is down")
	users := authn.Passwords(func(
		_ context.Context, name string, password authn.Secret,
	) (authn.Subject, error) {
		switch {
		case name == "broken":
			return authn.Subject{}, broken
		case name != "alice" || password != "wonderland":
			return authn.Subject{}, authn.ErrRejected
		}
		return authn.Subject{Name: "Alice"}, nil
	})
	for name, test := range map[string]struct {
		request authn.Request
		err     error
	}{
		"right":        {authn.Request{Username: "alice", Password: "wonderland"}, nil},
		"wrong":        {authn.Request{Username: "alice", Password: "x"}, authn.ErrRejected},
		"an outage":    {authn.Request{Username: "broken", Password: "x"}, broken},
		"nothing":      {authn.Request{}, authn.ErrNoMatch},
		"no password":  {authn.Request{Username: "alice"}, authn.ErrNoMatch},
		"no user name": {authn.Request{Password: "wonderland"}, authn.ErrNoMatch},
		"a session":    {authn.Request{Other: "session"}, authn.ErrNoMatch},
	} {
		t.Run(name, func(t *testing.T) {
			subject, err := users.Authenticate(t.Context(), test.request)
			if !errors.Is(err, test.err) || (subject.Name == "Alice") != (test.err == nil) {
				t.Errorf("got %+v, %v, want %v", subject, err, test.err)
			}
		})
	}
}

func TestPasswordsPanicsOnNil(t *testing.T) {
	defer func() {
		if got := recover(); got != "authn.Passwords: the function is nil" {
			t.Errorf("recovered %v", got)
		}
	}()
	authn.Passwords(nil)
}

// A directory has users with a version that changes with the password.
type directory map[string]struct{ password, version string }

// check is slow: it asks another service, for example.
func (d directory) check(
	_ context.Context, name string, password authn.Secret,
) (authn.Subject, error) {
	user, known := d[name]
	switch {
	case !known:
		return authn.Subject{}, authn.ErrNoMatch
	case user.password != string(password): // in a program, use package password
		return authn.Subject{}, authn.ErrRejected
	}
	return authn.Subject{Name: name, Stamp: user.version}, nil
}

// users adds a look-up, without which a cache remembers nothing.
type users struct {
	authn.Authenticator

	directory directory
}

func (u users) Lookup(_ context.Context, name string) (authn.Subject, error) {
	user, known := u.directory[name]
	if !known {
		return authn.Subject{}, authn.ErrNoMatch
	}
	return authn.Subject{Name: name, Stamp: user.version}, nil
}

// A check of your own, behind a cache.
func ExamplePasswords() {
	d := directory{"alice": {password: "wonderland", version: "1"}}
	cached := authn.Cache(users{authn.Passwords(d.check), d}, authn.CacheConfig{})

	login := authn.Request{Username: "alice", Password: "wonderland"}
	for range 2 { // the second one makes no check
		subject, err := cached.Authenticate(context.Background(), login)
		fmt.Println(subject.Name, err)
	}
	_, err := cached.Authenticate(context.Background(), authn.Request{})
	fmt.Println("anonymous:", err)
	// Output:
	// alice <nil>
	// alice <nil>
	// anonymous: no match
}
