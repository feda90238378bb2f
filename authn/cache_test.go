package authn_test

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

// A source counts how often it is asked for a proof. It knows every user whose password is
// "right".
type source struct {
	checks atomic.Int64
	lookup func(name string) (authn.Subject, error)
	check  func(ctx context.Context, r authn.Request) (authn.Subject, error)
}

func (s *source) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	s.checks.Add(1)
	if s.check != nil {
		return s.check(ctx, r)
	}
	if r.Password != "right" {
		return authn.Subject{}, authn.ErrRejected
	}
	return authn.Subject{Name: r.Username, Stamp: "1"}, nil
}

func (s *source) Lookup(_ context.Context, name string) (authn.Subject, error) {
	if s.lookup != nil {
		return s.lookup(name)
	}
	return authn.Subject{Name: name, Stamp: "1"}, nil
}

// A clock stands still until the test sets it.
type clock struct{ time time.Time }

func (c *clock) now() time.Time { return c.time }

func (c *clock) add(d time.Duration) { c.time = c.time.Add(d) }

func newClock() *clock { return &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

// login tells how many proofs the source was asked for, and fails the test unless the login has
// the wanted outcome.
func login(t *testing.T, a authn.Authenticator, s *source, name string, typed authn.Secret, want error) (checks int64) {
	t.Helper()
	before := s.checks.Load()
	subject, err := a.Authenticate(t.Context(), authn.Request{Username: name, Password: typed})
	if !errors.Is(err, want) || subject.Anonymous() != (want != nil) {
		t.Fatalf("%s logs in as %+v, %v, want %v", name, subject, err, want)
	}
	return s.checks.Load() - before
}

func TestCacheRemembersSuccessOnly(t *testing.T) {
	s := &source{}
	cached := authn.Cache(s, authn.CacheConfig{})
	for i, step := range []struct {
		password authn.Secret
		err      error
		checks   int64
	}{
		{"wrong", authn.ErrRejected, 1},
		{"wrong", authn.ErrRejected, 1},
		{"right", nil, 1},
		{"right", nil, 0},
		{"wrong", authn.ErrRejected, 1},
		{"right", nil, 0},
	} {
		if checks := login(t, cached, s, "alice", step.password, step.err); checks != step.checks {
			t.Errorf("step %d, %s: %d checks, want %d", i, string(step.password), checks, step.checks)
		}
	}
}

func TestCacheKeepsErrorsApart(t *testing.T) {
	broken := errors.New("the database is down")
	for _, want := range []error{authn.ErrNoMatch, authn.ErrRejected, broken} {
		s := &source{check: func(context.Context, authn.Request) (authn.Subject, error) { return authn.Subject{}, want }}
		cached := authn.Cache(s, authn.CacheConfig{})
		if checks := login(t, cached, s, "alice", "right", want) + login(t, cached, s, "alice", "right", want); checks != 2 {
			t.Errorf("%v: %d checks for two logins", want, checks)
		}
	}
}

func TestCacheForgetsWithTime(t *testing.T) {
	for name, test := range map[string]struct {
		ttl   time.Duration
		steps []time.Duration // of the clock, between logins of alice
		want  int64           // checks by the last login
	}{
		"just within the default":           {0, []time.Duration{time.Minute - 1}, 0},
		"just after the default":            {0, []time.Duration{time.Minute}, 1},
		"just within a configured time":     {time.Second, []time.Duration{time.Second - 1}, 0},
		"just after a configured time":      {time.Second, []time.Duration{time.Second}, 1},
		"use does not prolong it":           {0, []time.Duration{40 * time.Second, 40 * time.Second}, 1},
		"a clock set back a little":         {0, []time.Duration{-time.Second}, 1},
		"a clock set back ten years":        {0, []time.Duration{-87600 * time.Hour}, 1},
		"set back, and remembered again":    {0, []time.Duration{-time.Hour, time.Second}, 0},
		"expired, and the clock set back":   {0, []time.Duration{2 * time.Minute, -90 * time.Second}, 1},
		"a clock that jumps ahead one hour": {0, []time.Duration{time.Hour}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := &source{}, newClock()
			cached := authn.Cache(s, authn.CacheConfig{TTL: test.ttl, Now: c.now})
			login(t, cached, s, "alice", "right", nil)
			var checks int64
			for _, step := range test.steps {
				c.add(step)
				checks = login(t, cached, s, "alice", "right", nil)
			}
			if checks != test.want {
				t.Errorf("%d checks, want %d", checks, test.want)
			}
		})
	}
}

// alice's proof has expired, which is seen by nobody but bob before the clock is set back into its
// time.
func TestCacheDoesNotReviveWhatExpiredUnseen(t *testing.T) {
	s, c := &source{}, newClock()
	cached := authn.Cache(s, authn.CacheConfig{Now: c.now})
	login(t, cached, s, "alice", "right", nil)
	c.add(2 * time.Minute)
	login(t, cached, s, "bob", "right", nil)
	c.add(-90 * time.Second)
	if checks := login(t, cached, s, "alice", "right", nil); checks != 1 {
		t.Error("an expired proof counts again")
	}
}

// A check that takes long proves what was so when it began.
func TestCacheCountsFromTheBeginOfTheCheck(t *testing.T) {
	c := newClock()
	s := &source{check: func(_ context.Context, r authn.Request) (authn.Subject, error) {
		c.add(50 * time.Second)
		return authn.Subject{Name: r.Username, Stamp: "1"}, nil
	}}
	cached := authn.Cache(s, authn.CacheConfig{Now: c.now})
	login(t, cached, s, "alice", "right", nil)
	c.add(10 * time.Second)
	if checks := login(t, cached, s, "alice", "right", nil); checks != 1 {
		t.Error("a proof counts a minute after its check ended, and more than that after it began")
	}
}

func TestCacheDoesNotRememberACheckThatBeganInTheFuture(t *testing.T) {
	c := newClock()
	s := &source{}
	s.check = func(_ context.Context, r authn.Request) (authn.Subject, error) {
		if s.checks.Load() == 1 {
			c.add(-time.Second) // the clock is set back while the check runs
		}
		return authn.Subject{Name: r.Username, Stamp: "1"}, nil
	}
	cached := authn.Cache(s, authn.CacheConfig{Now: c.now})
	login(t, cached, s, "alice", "right", nil)
	if checks := login(t, cached, s, "alice", "right", nil); checks != 1 {
		t.Error("a proof from the future counts")
	}
}

func TestCacheIsBounded(t *testing.T) {
	s := &source{}
	cached := authn.Cache(s, authn.CacheConfig{MaxEntries: 2})
	for i, step := range []struct {
		name   string
		checks int64
	}{
		{"alice", 1},
		{"bob", 1},
		{"alice", 0},
		{"carol", 1}, // in place of bob, who was not seen for the longest time
		{"alice", 0},
		{"carol", 0},
		{"bob", 1},
		{"alice", 1},
	} {
		if checks := login(t, cached, s, step.name, "right", nil); checks != step.checks {
			t.Errorf("step %d, %s: %d checks, want %d", i, step.name, checks, step.checks)
		}
	}
}

func TestCacheKeepsCredentialsApart(t *testing.T) {
	s := &source{check: func(_ context.Context, r authn.Request) (authn.Subject, error) {
		if r.Username+string(r.Password) != "abc" {
			return authn.Subject{}, authn.ErrRejected
		}
		return authn.Subject{Name: r.Username, Stamp: "1"}, nil
	}}
	cached := authn.Cache(authn.Func(s.Authenticate), authn.CacheConfig{}) // without a lookup, which would show the difference
	login(t, cached, s, "ab", "c", nil)
	if checks := login(t, cached, s, "a", "bc", nil); checks != 1 {
		t.Error(`"a" with "bc" counts as "ab" with "c"`)
	}
}

func TestCacheShowsTheSourceNothingButCredentials(t *testing.T) {
	var seen authn.Request
	s := &source{check: func(_ context.Context, r authn.Request) (authn.Subject, error) {
		seen = r
		return authn.Subject{Name: "alice"}, nil
	}}
	cached := authn.Cache(s, authn.CacheConfig{})
	full := authn.Request{
		Username: "alice", Password: "right",
		RemoteAddr: netip.MustParseAddr("192.0.2.1"), Service: "registry.test", ClientID: "docker",
	}
	if _, err := cached.Authenticate(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	if want := (authn.Request{Username: "alice", Password: "right"}); seen != want {
		t.Errorf("with a user name the source sees %+v", seen)
	}
	full.Username, full.Password = "", ""
	for range 2 {
		if _, err := cached.Authenticate(t.Context(), full); err != nil {
			t.Fatal(err)
		}
	}
	if seen != full || s.checks.Load() != 3 {
		t.Errorf("without a user name the source sees %+v, after %d checks", seen, s.checks.Load())
	}
}

func TestCacheDoesNotRememberTheAnonymous(t *testing.T) {
	s := &source{check: func(context.Context, authn.Request) (authn.Subject, error) { return authn.Subject{}, nil }}
	cached := authn.Cache(authn.Func(s.Authenticate), authn.CacheConfig{})
	for range 2 {
		_, _ = cached.Authenticate(t.Context(), authn.Request{Username: "alice", Password: "right"})
	}
	if s.checks.Load() != 2 {
		t.Error("a subject without a name is remembered")
	}
}
