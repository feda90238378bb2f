package authn_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
)

// answer returns an authenticator that is not a Directory and records its calls.
func answer(name string, err error, asked *[]string) authn.Authenticator {
	return authn.Func(func(context.Context, authn.Request) (authn.Subject, error) {
		*asked = append(*asked, name)
		if err != nil {
			return authn.Subject{}, err
		}
		return authn.Subject{Name: name}, nil
	})
}

func TestChainOrder(t *testing.T) {
	broken := errors.New("the database is down")
	for name, test := range map[string]struct {
		answers []error // of the members a, b and c
		asked   int
		err     error
	}{
		"no members":                     {nil, 0, authn.ErrNoMatch},
		"the first knows":                {[]error{nil, nil}, 1, nil},
		"the second knows":               {[]error{authn.ErrNoMatch, nil, nil}, 2, nil},
		"none knows":                     {[]error{authn.ErrNoMatch, authn.ErrNoMatch}, 2, authn.ErrNoMatch},
		"a rejection ends it":            {[]error{authn.ErrRejected, nil}, 1, authn.ErrRejected},
		"a broken source ends it":        {[]error{broken, nil}, 1, broken},
		"a later broken source as well":  {[]error{authn.ErrNoMatch, broken, nil}, 2, broken},
		"a context that is done as well": {[]error{context.Canceled, nil}, 1, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			for kind, request := range map[string]authn.Request{
				"password":    {Username: "alice", Password: "wonderland"},
				"no password": {Service: "registry.test"},
			} {
				var asked []string
				var members []authn.Authenticator
				for i, err := range test.answers {
					members = append(members, answer(string(rune('a'+i)), err, &asked))
				}
				subject, err := authn.Chain(members...).Authenticate(t.Context(), request)
				if !errors.Is(err, test.err) || len(asked) != test.asked {
					t.Errorf("%s: asked %v, and got %v, want %v", kind, asked, err, test.err)
				}
				if err == nil && subject.Name != asked[len(asked)-1] || err != nil && !subject.Anonymous() {
					t.Errorf("%s: asked %v, and the subject is %+v", kind, asked, subject)
				}
			}
		})
	}
}

// people returns two password lists that share a Checker.
func people(t *testing.T) (people, robots *password.Users, checker *password.Checker) {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("wonderland"), 5)
	if err != nil {
		t.Fatal(err)
	}
	secret := authn.Secret(hash)
	checker = &password.Checker{}
	config := static.Config{Checker: checker, Logger: slog.New(slog.DiscardHandler)}
	config.Users = []static.User{
		{Name: "alice", PasswordHash: secret},
		{Name: "both", PasswordHash: secret},
		{Name: "mallory", PasswordHash: secret, Disabled: true},
	}
	people, err = static.New(config)
	if err != nil {
		t.Fatal(err)
	}
	config.Users = []static.User{
		{Name: "builder", PasswordHash: secret, Kind: authn.KindServiceAccount},
		{Name: "both", PasswordHash: secret, Kind: authn.KindServiceAccount},
		{Name: "mallory", PasswordHash: secret, Kind: authn.KindServiceAccount},
	}
	robots, err = static.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return people, robots, checker
}

func TestChainMakesOneComparison(t *testing.T) {
	first, second, checker := people(t)
	for name, test := range map[string]struct {
		username string
		password authn.Secret
		kind     authn.Kind
		err      error
	}{
		"a user of the first":           {"alice", "wonderland", authn.KindUser, nil},
		"a user of the second":          {"builder", "wonderland", authn.KindServiceAccount, nil},
		"a user of both":                {"both", "wonderland", authn.KindUser, nil},
		"an unknown user":               {"bob", "wonderland", 0, authn.ErrNoMatch},
		"wrong, in the first":           {"alice", "wrong", 0, authn.ErrRejected},
		"wrong, in the second":          {"builder", "wrong", 0, authn.ErrRejected},
		"disabled in the first":         {"mallory", "wonderland", 0, authn.ErrRejected},
		"unknown with a wrong password": {"bob", "wrong", 0, authn.ErrNoMatch},
	} {
		t.Run(name, func(t *testing.T) {
			for form, chain := range map[string]authn.Authenticator{
				"plain":  authn.Chain(first, second),
				"nested": authn.Chain(authn.Chain(first), authn.Chain(), authn.Chain(second)),
				"cached": authn.Cache(authn.Chain(first, second), authn.CacheConfig{}),
			} {
				before := checker.Stats().Compared
				r := authn.Request{Username: test.username, Password: test.password}
				subject, err := chain.Authenticate(t.Context(), r)
				if !errors.Is(err, test.err) || subject.Kind != test.kind {
					t.Errorf("%s: %+v, %v, want %v", form, subject, err, test.err)
				}
				if compared := checker.Stats().Compared - before; compared != 1 {
					t.Errorf("%s: made %d comparisons", form, compared)
				}
			}
		})
	}
}

func TestChainStopsAtABrokenDirectory(t *testing.T) {
	_, robots, _ := people(t)
	broken := errors.New("the database is down")
	fail := func(string) (authn.Subject, error) { return authn.Subject{}, broken }
	s := &source{
		lookup: fail,
		check:  func(context.Context, authn.Request) (authn.Subject, error) { return authn.Subject{}, broken },
	}
	chain := authn.Chain(s, robots)
	r := authn.Request{Username: "builder", Password: "wonderland"}
	if _, err := chain.Authenticate(t.Context(), r); !errors.Is(err, broken) {
		t.Errorf("Authenticate: %v", err)
	}
	if _, err := lookup(t, chain, "builder"); !errors.Is(err, broken) {
		t.Errorf("Lookup: %v", err)
	}
}

func lookup(t *testing.T, a authn.Authenticator, name string) (authn.Subject, error) {
	t.Helper()
	directory, ok := a.(authn.Directory)
	if !ok {
		t.Fatal("the authenticator is not a Directory")
	}
	return directory.Lookup(t.Context(), name)
}

func TestChainLookup(t *testing.T) {
	first, second, _ := people(t)
	opaque := authn.Func(func(context.Context, authn.Request) (authn.Subject, error) {
		return authn.Subject{}, authn.ErrNoMatch
	})
	for name, test := range map[string]struct {
		members []authn.Authenticator
		lookup  string
		kind    authn.Kind
		err     error
	}{
		"in the first":                      {[]authn.Authenticator{first, second}, "alice", authn.KindUser, nil},
		"in the second":                     {[]authn.Authenticator{first, second}, "builder", authn.KindServiceAccount, nil},
		"in both":                           {[]authn.Authenticator{first, second}, "both", authn.KindUser, nil},
		"in none":                           {[]authn.Authenticator{first, second}, "bob", 0, authn.ErrNoMatch},
		"disabled in the first":             {[]authn.Authenticator{first, second}, "mallory", 0, authn.ErrRejected},
		"after a member that cannot tell":   {[]authn.Authenticator{opaque, second}, "builder", authn.KindServiceAccount, nil},
		"perhaps in the first, cannot tell": {[]authn.Authenticator{opaque, second}, "bob", 0, authn.ErrNoLookup},
		"perhaps in the last, cannot tell":  {[]authn.Authenticator{first, opaque}, "bob", 0, authn.ErrNoLookup},
	} {
		t.Run(name, func(t *testing.T) {
			subject, err := lookup(t, authn.Chain(test.members...), test.lookup)
			if !errors.Is(err, test.err) || subject.Kind != test.kind || subject.Anonymous() != (test.err != nil) {
				t.Errorf("Lookup = %+v, %v, want %v", subject, err, test.err)
			}
		})
	}
}

func TestChainPanicsOnANilMember(t *testing.T) {
	defer func() {
		if got := recover(); got != "authn.Chain: member 1 is nil" {
			t.Errorf("recovered %v", got)
		}
	}()
	authn.Chain(&source{}, nil)
}
