package authn_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

func TestCacheConfirmsRememberedSubjects(t *testing.T) {
	broken := errors.New("the database is down")
	remembered := authn.Subject{
		Name: "alice", Stamp: "1", Labels: map[string][]string{"group": {"old"}},
	}
	relabelled := authn.Subject{
		Name: "alice", Stamp: "1", Labels: map[string][]string{"group": {"new"}},
	}
	robot := authn.Subject{Name: "alice", Stamp: "1", Kind: authn.KindServiceAccount}
	for name, test := range map[string]struct {
		found  authn.Subject // by the lookup, from the second login on
		err    error
		want   authn.Subject
		checks int64
		fails  error
	}{
		"nothing has changed":         {remembered, nil, remembered, 0, nil},
		"the labels have changed":     {relabelled, nil, relabelled, 0, nil},
		"the password has changed":    {authn.Subject{Name: "alice", Stamp: "2"}, nil, remembered, 1, nil},
		"a service account now":       {robot, nil, remembered, 1, nil},
		"renamed":                     {authn.Subject{Name: "Alice", Stamp: "1"}, nil, remembered, 1, nil},
		"removed":                     {authn.Subject{}, authn.ErrNoMatch, remembered, 1, nil},
		"disabled":                    {authn.Subject{}, authn.ErrRejected, remembered, 1, nil},
		"the source cannot tell now":  {authn.Subject{}, authn.ErrNoLookup, remembered, 1, nil},
		"the source is down":          {authn.Subject{}, broken, authn.Subject{}, 0, broken},
		"the request is canceled":     {authn.Subject{}, context.Canceled, authn.Subject{}, 0, context.Canceled},
		"the stamp has become empty":  {authn.Subject{Name: "alice"}, nil, remembered, 1, nil},
		"another subject by the name": {authn.Subject{Name: "bob", Stamp: "1"}, nil, remembered, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var asked string
			found, err := remembered, error(nil)
			s := &source{
				check: func(context.Context, authn.Request) (authn.Subject, error) {
					return remembered, nil
				},
				lookup: func(name string) (authn.Subject, error) { asked = name; return found, err },
			}
			cached := authn.Cache(s, authn.CacheConfig{})
			login(t, cached, s, "ALICE", "right", nil)
			found, err = test.found, test.err
			r := authn.Request{Username: "ALICE", Password: "right"}
			got, gotErr := cached.Authenticate(t.Context(), r)
			if !errors.Is(gotErr, test.fails) || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v, want %+v, %v", got, gotErr, test.want, test.fails)
			}
			if checks := s.checks.Load() - 1; checks != test.checks {
				t.Errorf("made %d more checks, want %d", checks, test.checks)
			}
			if asked != "alice" {
				t.Errorf("looked up %q, and not the name of the subject", asked)
			}
		})
	}
}

// A dropped login does not come back when the source returns to its old state.
func TestCacheDropsRefusedLogins(t *testing.T) {
	stamp := "1"
	s := &source{
		check: func(_ context.Context, r authn.Request) (authn.Subject, error) {
			if string(r.Password) != "password "+stamp {
				return authn.Subject{}, authn.ErrRejected
			}
			return authn.Subject{Name: r.Username, Stamp: stamp}, nil
		},
		lookup: func(name string) (authn.Subject, error) {
			return authn.Subject{Name: name, Stamp: stamp}, nil
		},
	}
	cached := authn.Cache(s, authn.CacheConfig{})
	login(t, cached, s, "alice", "password 1", nil)
	stamp = "2"
	login(t, cached, s, "alice", "password 1", authn.ErrRejected)
	stamp = "1"
	if checks := login(t, cached, s, "alice", "password 1", nil); checks != 1 {
		t.Error("a dropped login is still remembered")
	}
}

// Two requests find that a login is outdated. The first remembers a new one before the second drops
// the old one.
func TestCacheDoesNotDropANewerLogin(t *testing.T) {
	stamp, meanwhile := "1", func() {}
	s := &source{check: func(_ context.Context, r authn.Request) (authn.Subject, error) {
		return authn.Subject{Name: r.Username, Stamp: stamp}, nil
	}}
	s.lookup = func(name string) (authn.Subject, error) {
		meanwhile()
		return authn.Subject{Name: name, Stamp: stamp}, nil
	}
	cached := authn.Cache(s, authn.CacheConfig{})
	login(t, cached, s, "alice", "right", nil)
	stamp = "2"
	meanwhile = func() {
		meanwhile = func() {}
		login(t, cached, s, "alice", "right", nil)
	}
	if checks := login(t, cached, s, "alice", "right", nil); checks != 1 {
		t.Errorf("two requests made %d checks", checks)
	}
}

// The password changes after its check and before the result is remembered.
func TestCacheDoesNotRememberAnOutdatedCheck(t *testing.T) {
	stamp := "1"
	s := &source{lookup: func(name string) (authn.Subject, error) {
		return authn.Subject{Name: name, Stamp: stamp}, nil
	}}
	s.check = func(_ context.Context, r authn.Request) (authn.Subject, error) {
		if stamp == "2" {
			return authn.Subject{}, authn.ErrRejected
		}
		stamp = "2"
		return authn.Subject{Name: r.Username, Stamp: "1"}, nil
	}
	cached := authn.Cache(s, authn.CacheConfig{})
	login(t, cached, s, "alice", "right", nil)
	login(t, cached, s, "alice", "right", authn.ErrRejected)
}

// A broken lookup right after the check does not fail the login.
func TestCacheDoesNotRememberAnUnconfirmedLogin(t *testing.T) {
	broken := errors.New("the database is down")
	s := &source{lookup: func(string) (authn.Subject, error) { return authn.Subject{}, broken }}
	cached := authn.Cache(s, authn.CacheConfig{})
	for range 2 {
		if checks := login(t, cached, s, "alice", "right", nil); checks != 1 {
			t.Errorf("%d checks", checks)
		}
	}
}

func TestCacheOfASourceWithoutLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		cached := authn.Cache(authn.Func(s.Authenticate), authn.CacheConfig{})
		login(t, cached, s, "alice", "right", nil)
		if checks := login(t, cached, s, "alice", "right", nil); checks != 0 {
			t.Error("the login is not remembered")
		}
		time.Sleep(time.Minute)
		if checks := login(t, cached, s, "alice", "right", nil); checks != 1 {
			t.Error("the login is remembered after its TTL")
		}
	})
}

// A member of a chain that cannot look up must not keep the removed users of the others logged in.
func TestCacheForgetsARemovedUserOfAChain(t *testing.T) {
	opaque := authn.Func(func(_ context.Context, r authn.Request) (authn.Subject, error) {
		if r.Username != "job" {
			return authn.Subject{}, authn.ErrNoMatch
		}
		return authn.Subject{Name: "job"}, nil
	})
	for name, order := range map[string]func(file authn.Authenticator) authn.Authenticator{
		"before": func(file authn.Authenticator) authn.Authenticator {
			return authn.Chain(opaque, file)
		},
		"after": func(file authn.Authenticator) authn.Authenticator {
			return authn.Chain(file, opaque)
		},
		"nested": func(file authn.Authenticator) authn.Authenticator {
			return authn.Chain(authn.Cache(authn.Chain(opaque), authn.CacheConfig{}), authn.Chain(file))
		},
	} {
		t.Run(name, func(t *testing.T) {
			removed := false
			file := &source{lookup: func(name string) (authn.Subject, error) {
				if removed || name != "alice" {
					return authn.Subject{}, authn.ErrNoMatch
				}
				return authn.Subject{Name: name, Stamp: "1"}, nil
			}}
			file.check = func(_ context.Context, r authn.Request) (authn.Subject, error) {
				return file.lookup(r.Username)
			}
			cached := authn.Cache(order(file), authn.CacheConfig{})
			login(t, cached, file, "alice", "right", nil)
			if checks := login(t, cached, file, "alice", "right", nil); checks != 0 {
				t.Error("alice is not remembered")
			}
			removed = true
			login(t, cached, file, "alice", "right", authn.ErrNoMatch)
			login(t, cached, file, "job", "token", nil)
		})
	}
}
