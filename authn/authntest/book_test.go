package authntest_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/authntest"
	"github.com/berthpass/registry-auth/scope"
)

// A book is a sound source with a password and a read-only token of alice, and a robot.
type book struct {
	mu      sync.Mutex
	entries map[authn.Secret]authn.Subject
	down    bool
}

var errDown = errors.New("the book is closed")

func newBook() *book {
	readOnly := &authn.Limit{Scopes: []scope.Scope{
		{Type: scope.TypeRepository, Name: "team/*", Actions: []string{"pull"}},
	}}
	groups := map[string][]string{"group": {"devs"}}
	end := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	return &book{entries: map[authn.Secret]authn.Subject{
		"wonderland": {Name: "alice", Labels: groups, Stamp: "1"},
		"alice-token": {
			Name: "alice", Labels: groups, Stamp: "2", Limit: readOnly, ValidUntil: end,
			Data: []string{"read"},
		},
		"robot": {Name: "robot", Kind: authn.KindServiceAccount, Stamp: "3"},
	}}
}

func (b *book) suite(source authn.Authenticator) authntest.Suite {
	login := func(name string, password authn.Secret) authntest.Login {
		want := b.entries[password]
		want.Stamp = ""
		return authntest.Login{
			Request: authn.Request{Username: name, Password: password}, Subject: want,
		}
	}
	return authntest.Suite{
		Source: source,
		Logins: []authntest.Login{
			login("Alice", "wonderland"), login("alice", "alice-token"),
			login("robot", "robot"), login("Robot", "robot"),
		},
		Wrong:   []authn.Request{{Username: "alice", Password: "looking-glass"}},
		Unknown: []authn.Request{{Username: "bob", Password: "wonderland"}},
		Change: func() authn.Request {
			b.mu.Lock()
			defer b.mu.Unlock()
			changed := b.entries["wonderland"]
			changed.Stamp = "4"
			b.entries["jabberwocky"] = changed
			delete(b.entries, "wonderland")
			return authn.Request{Username: "ALICE", Password: "jabberwocky"}
		},
		Disable: func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			maps.DeleteFunc(b.entries, func(_ authn.Secret, s authn.Subject) bool {
				return s.Name == "alice"
			})
		},
		Break: func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.down = true
		},
	}
}

func (b *book) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	if r.Username == "" {
		return authn.Subject{}, authn.ErrNoMatch
	}
	account, err := b.find(ctx, func(s authn.Subject) bool {
		return s.Name == strings.ToLower(r.Username)
	})
	if err != nil {
		return authn.Subject{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if subject := b.entries[r.Password]; subject.Name == account.Name {
		return subject, nil
	}
	return authn.Subject{}, authn.ErrRejected
}

func (b *book) Lookup(ctx context.Context, name string) (authn.Subject, error) {
	return b.find(ctx, func(s authn.Subject) bool {
		return s.Name == strings.ToLower(name) && s.Limit == nil
	})
}

func (b *book) Confirm(ctx context.Context, remembered authn.Subject) (authn.Subject, error) {
	return b.find(ctx, func(s authn.Subject) bool { return s.Stamp == remembered.Stamp })
}

func (b *book) find(
	ctx context.Context, matches func(authn.Subject) bool,
) (authn.Subject, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down || ctx.Err() != nil {
		return authn.Subject{}, errors.Join(errDown, ctx.Err())
	}
	for _, subject := range b.entries {
		if matches(subject) {
			return subject, nil
		}
	}
	return authn.Subject{}, authn.ErrNoMatch
}

func (b *book) isDown() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.down
}
