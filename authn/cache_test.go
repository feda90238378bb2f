package authn_test

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

// A source counts password checks. It knows every user; the password is "right".
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

// login fails the test unless the error is the wanted one. It returns the number of checks.
func login(
	t *testing.T, a authn.Authenticator, s *source, name string, typed authn.Secret, want error,
) (checks int64) {
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
		s := &source{check: func(context.Context, authn.Request) (authn.Subject, error) {
			return authn.Subject{}, want
		}}
		cached := authn.Cache(s, authn.CacheConfig{})
		checks := login(t, cached, s, "alice", "right", want)
		checks += login(t, cached, s, "alice", "right", want)
		if checks != 2 {
			t.Errorf("%v: %d checks for two logins", want, checks)
		}
	}
}

func TestCacheForgetsAfterItsTTL(t *testing.T) {
	for name, test := range map[string]struct {
		ttl    time.Duration
		waits  []time.Duration // each is followed by a login
		checks int64           // of the last login
	}{
		"just before the default":        {0, []time.Duration{time.Minute - 1}, 0},
		"after the default":              {0, []time.Duration{time.Minute}, 1},
		"just before a configured time":  {time.Second, []time.Duration{time.Second - 1}, 0},
		"after a configured time":        {time.Second, []time.Duration{time.Second}, 1},
		"a use does not prolong it":      {0, []time.Duration{40 * time.Second, 40 * time.Second}, 1},
		"remembered again":               {0, []time.Duration{2 * time.Minute, 59 * time.Second}, 0},
		"the longest duration there is":  {math.MaxInt64, []time.Duration{87600 * time.Hour}, 0},
		"a negative one, as the default": {-1, []time.Duration{time.Minute - 1}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &source{}
				cached := authn.Cache(s, authn.CacheConfig{TTL: test.ttl})
				login(t, cached, s, "alice", "right", nil)
				var checks int64
				for _, wait := range test.waits {
					time.Sleep(wait)
					checks = login(t, cached, s, "alice", "right", nil)
				}
				if checks != test.checks {
					t.Errorf("%d checks, want %d", checks, test.checks)
				}
			})
		})
	}
}

// The password may change while the check runs.
func TestTheTTLCountsFromTheStartOfTheCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{check: func(_ context.Context, r authn.Request) (authn.Subject, error) {
			time.Sleep(50 * time.Second)
			return authn.Subject{Name: r.Username, Stamp: "1"}, nil
		}}
		cached := authn.Cache(s, authn.CacheConfig{})
		login(t, cached, s, "alice", "right", nil)
		time.Sleep(10 * time.Second)
		if checks := login(t, cached, s, "alice", "right", nil); checks != 1 {
			t.Error("the login is remembered for a minute after the end of its check")
		}
	})
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
		{"carol", 1}, // evicts bob, the least recently used
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
		return authn.Subject{Name: "one for all", Stamp: "1"}, nil
	}}
	cached := authn.Cache(s, authn.CacheConfig{})
	login(t, cached, s, "ab", "c", nil)
	if checks := login(t, cached, s, "a", "bc", nil); checks != 1 {
		t.Error(`"a" with "bc" counts as "ab" with "c"`)
	}
}

func TestTheSourceSeesOnlyNameAndPassword(t *testing.T) {
	var seen authn.Request
	s := &source{check: func(_ context.Context, r authn.Request) (authn.Subject, error) {
		seen = r
		return authn.Subject{Name: "alice", Stamp: "1"}, nil
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
	session, nothing := full, full
	session.Other = "session"
	nothing.Username, nothing.Password = "", ""
	for i, r := range []authn.Request{session, session, nothing, nothing} {
		if _, err := cached.Authenticate(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if seen != r || s.checks.Load() != int64(i+2) {
			t.Errorf("the source sees %+v instead of %+v, after %d checks", seen, r, s.checks.Load())
		}
	}
}

func TestCacheDoesNotRememberAnonymousSubjects(t *testing.T) {
	nameless := func(string) (authn.Subject, error) { return authn.Subject{Stamp: "1"}, nil }
	s := &source{lookup: nameless, check: func(context.Context, authn.Request) (authn.Subject, error) {
		return nameless("")
	}}
	cached := authn.Cache(s, authn.CacheConfig{})
	for range 2 {
		_, _ = cached.Authenticate(t.Context(), authn.Request{Username: "alice", Password: "right"})
	}
	if s.checks.Load() != 2 {
		t.Error("a subject without a name is remembered")
	}
}

func TestCacheOfNilPanics(t *testing.T) {
	defer func() {
		if got := recover(); got != "authn.Cache: the authenticator is nil" {
			t.Errorf("recovered %v", got)
		}
	}()
	authn.Cache(nil, authn.CacheConfig{})
}
