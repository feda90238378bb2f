package authn_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

func TestCacheLooksRememberedSubjectsUp(t *testing.T) {
	broken := errors.New("the database is down")
	remembered := authn.Subject{Name: "alice", Stamp: "1", Labels: map[string][]string{"group": {"old"}}}
	relabelled := authn.Subject{Name: "alice", Stamp: "1", Labels: map[string][]string{"group": {"new"}}}
	for name, test := range map[string]struct {
		found  authn.Subject
		err    error
		want   authn.Subject
		checks int64
		fails  error
	}{
		"nothing has changed":       {remembered, nil, remembered, 0, nil},
		"the labels have changed":   {relabelled, nil, relabelled, 0, nil},
		"the password has changed":  {authn.Subject{Name: "alice", Stamp: "2"}, nil, remembered, 1, nil},
		"now a service account":     {authn.Subject{Name: "alice", Stamp: "1", Kind: authn.KindServiceAccount}, nil, remembered, 1, nil},
		"renamed":                   {authn.Subject{Name: "Alice", Stamp: "1"}, nil, remembered, 1, nil},
		"removed":                   {authn.Subject{}, authn.ErrNoMatch, remembered, 1, nil},
		"disabled":                  {authn.Subject{}, authn.ErrRejected, remembered, 1, nil},
		"the source is broken":      {authn.Subject{}, broken, authn.Subject{}, 0, broken},
		"the source does not know":  {authn.Subject{}, authn.ErrNoLookup, remembered, 0, nil},
		"the context of a request":  {authn.Subject{}, context.Canceled, authn.Subject{}, 0, context.Canceled},
		"a subject without a stamp": {authn.Subject{Name: "alice"}, nil, remembered, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var asked string
			s := &source{
				check:  func(context.Context, authn.Request) (authn.Subject, error) { return remembered, nil },
				lookup: func(name string) (authn.Subject, error) { asked = name; return test.found, test.err },
			}
			cached := authn.Cache(s, authn.CacheConfig{})
			login(t, cached, s, "ALICE", "right", nil)
			got, err := cached.Authenticate(t.Context(), authn.Request{Username: "ALICE", Password: "right"})
			if !errors.Is(err, test.fails) || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v, want %+v, %v", got, err, test.want, test.fails)
			}
			if checks := s.checks.Load() - 1; checks != test.checks {
				t.Errorf("made %d more checks, want %d", checks, test.checks)
			}
			if asked != "alice" {
				t.Errorf("looked %q up, and not the name of the subject", asked)
			}
		})
	}
}

// What was dropped is forgotten, and does not count again when the source goes back to what it
// was.
func TestCacheDropsWhatHasChanged(t *testing.T) {
	stamp := "1"
	s := &source{
		check: func(_ context.Context, r authn.Request) (authn.Subject, error) {
			if string(r.Password) != "password "+stamp {
				return authn.Subject{}, authn.ErrRejected
			}
			return authn.Subject{Name: r.Username, Stamp: stamp}, nil
		},
		lookup: func(name string) (authn.Subject, error) { return authn.Subject{Name: name, Stamp: stamp}, nil },
	}
	cached := authn.Cache(s, authn.CacheConfig{})
	login(t, cached, s, "alice", "password 1", nil)
	stamp = "2"
	login(t, cached, s, "alice", "password 1", authn.ErrRejected)
	stamp = "1"
	if checks := login(t, cached, s, "alice", "password 1", nil); checks != 1 {
		t.Error("a dropped proof counts")
	}
}

// Two requests find that a proof no longer counts. The second drops it when the first has got a
// new one, which stays.
func TestCacheDropsNothingNewer(t *testing.T) {
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
		t.Errorf("%d checks by two requests", checks)
	}
}

// The password changes after it was compared and before that is remembered.
func TestCacheIsNotPoisonedByALateEntry(t *testing.T) {
	stamp := "1"
	s := &source{lookup: func(name string) (authn.Subject, error) { return authn.Subject{Name: name, Stamp: stamp}, nil }}
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

func TestCacheOfAnAuthenticatorThatIsNoDirectory(t *testing.T) {
	s, c := &source{}, newClock()
	cached := authn.Cache(authn.Func(s.Authenticate), authn.CacheConfig{Now: c.now})
	login(t, cached, s, "alice", "right", nil)
	if checks := login(t, cached, s, "alice", "right", nil); checks != 0 {
		t.Error("the proof is not remembered")
	}
	c.add(time.Minute)
	if checks := login(t, cached, s, "alice", "right", nil); checks != 1 {
		t.Error("the proof is remembered for longer than its time")
	}
	if _, err := authn.Lookup(t.Context(), cached, "alice"); !errors.Is(err, authn.ErrNoLookup) {
		t.Errorf("Lookup: %v", err)
	}
}

func TestCacheIsADirectory(t *testing.T) {
	s := &source{lookup: func(name string) (authn.Subject, error) {
		if name != "alice" {
			return authn.Subject{}, authn.ErrRejected
		}
		return authn.Subject{Name: name}, nil
	}}
	cached := authn.Cache(s, authn.CacheConfig{})
	if subject, err := authn.Lookup(t.Context(), cached, "alice"); subject.Name != "alice" || err != nil {
		t.Errorf("alice: %+v, %v", subject, err)
	}
	if _, err := authn.Lookup(t.Context(), cached, "mallory"); !errors.Is(err, authn.ErrRejected) {
		t.Errorf("mallory: %v", err)
	}
}
