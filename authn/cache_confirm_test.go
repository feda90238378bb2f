package authn_test

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

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
		"the labels have changed":     {relabelled, nil, remembered, 1, nil},
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

// What look-ups say must be what the login said, or a token gets the rights of its owner.
func TestCacheRemembersOnlyWhatTheSourceConfirms(t *testing.T) {
	alice := authn.Subject{Name: "alice", Stamp: "1"}
	change := func(change func(s *authn.Subject)) authn.Subject {
		s := alice
		change(&s)
		return s
	}
	unstamped := change(func(s *authn.Subject) { s.Stamp = "" })
	limited := change(func(s *authn.Subject) { s.Limit = pullOnly() })
	ended := change(func(s *authn.Subject) { s.ValidUntil = time.Unix(1, 0) })
	ending := change(func(s *authn.Subject) { s.ValidUntil = time.Now().Add(time.Hour) })
	labelled := change(func(s *authn.Subject) { s.Labels = map[string][]string{"may": {"push"}} })
	restamped := change(func(s *authn.Subject) { s.Stamp = "2" })
	withData := change(func(s *authn.Subject) { s.Data = "data" })
	const cannot, another = "the source cannot confirm", "found another subject"
	for name, test := range map[string]struct {
		proved, found authn.Subject
		confirmer     bool
		warning       string // empty if the login is remembered
	}{
		"the same":                       {alice, alice, false, ""},
		"the same, by a confirmer":       {limited, limited, true, ""},
		"an end that is not yet":         {ending, ending, false, ""},
		"other data":                     {alice, withData, false, ""},
		"no stamp":                       {unstamped, unstamped, false, cannot},
		"no stamp, by a confirmer":       {unstamped, unstamped, true, cannot},
		"a limit":                        {limited, limited, false, cannot},
		"another stamp":                  {alice, restamped, false, another},
		"other labels":                   {alice, labelled, false, another},
		"other labels, by a confirmer":   {alice, labelled, true, another},
		"no limit any more":              {limited, alice, true, another},
		"a limit from now on":            {alice, limited, true, another},
		"an end that the login does not": {alice, ending, false, another},
		"an end that is over":            {ended, ended, false, another},
	} {
		t.Run(name, func(t *testing.T) {
			s := &source{
				check:  func(context.Context, authn.Request) (authn.Subject, error) { return test.proved, nil },
				lookup: func(string) (authn.Subject, error) { return test.found, nil },
			}
			var a authn.Authenticator = s
			if test.confirmer {
				a = confirmer{s.Authenticate, test.found, nil}
			}
			wantRemembered(t, a, s, test.warning)
		})
	}
	t.Run("a source without look-up", func(t *testing.T) {
		s := &source{}
		wantRemembered(t, authn.Func(s.Authenticate), s, cannot)
	})
}

// wantRemembered wants the second login without a check, or with one and a single warning.
func wantRemembered(t *testing.T, a authn.Authenticator, s *source, warning string) {
	t.Helper()
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	cached := authn.Cache(a, authn.CacheConfig{Logger: logger})
	login(t, cached, s, "alice", "right", nil)
	checks := login(t, cached, s, "alice", "right", nil)
	if (checks == 0) != (warning == "") {
		t.Errorf("%d checks at the second login", checks)
	}
	text := log.String()
	lines := strings.Count(text, "level=WARN")
	if (lines == 1) != (warning != "") || lines > 1 || !strings.Contains(text, warning) {
		t.Errorf("the log is %q, want one warning with %q", text, warning)
	}
}

func TestCacheWarnsOnceForEachReason(t *testing.T) {
	var log strings.Builder
	s := &source{check: func(_ context.Context, r authn.Request) (authn.Subject, error) {
		return authn.Subject{Name: r.Username, Stamp: string(r.Password)}, nil
	}}
	cached := authn.Cache(s, authn.CacheConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, stamp := range []authn.Secret{"2", "", "1", "2", ""} {
		login(t, cached, s, "alice", stamp, nil)
	}
	if lines := strings.Count(log.String(), "level=WARN"); lines != 2 {
		t.Errorf("%d warnings, want 2: %s", lines, log.String())
	}
}

// The end may fall into the TTL.
func TestCacheRemembersNothingBeyondItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice := authn.Subject{Name: "alice", Stamp: "1", ValidUntil: time.Now().Add(30 * time.Second)}
		s := &source{
			check:  func(context.Context, authn.Request) (authn.Subject, error) { return alice, nil },
			lookup: func(string) (authn.Subject, error) { return alice, nil },
		}
		cached := authn.Cache(s, authn.CacheConfig{})
		login(t, cached, s, "alice", "right", nil)
		time.Sleep(30*time.Second - time.Nanosecond)
		if checks := login(t, cached, s, "alice", "right", nil); checks != 0 {
			t.Error("the login is not remembered until its end")
		}
		time.Sleep(time.Nanosecond)
		if checks := login(t, cached, s, "alice", "right", nil); checks != 1 {
			t.Error("the login is remembered beyond its end")
		}
	})
}

// Data may be large, or outdated.
func TestDataIsNotRemembered(t *testing.T) {
	type data struct {
		call int
		_    [100]byte // or it would share its memory with others
	}
	calls := 0
	var given []weak.Pointer[data]
	s := &source{}
	s.lookup = func(name string) (authn.Subject, error) {
		calls++
		d := &data{call: calls}
		given = append(given, weak.Make(d))
		return authn.Subject{Name: name, Stamp: "1", Data: d}, nil
	}
	s.check = func(_ context.Context, r authn.Request) (authn.Subject, error) {
		return s.lookup(r.Username)
	}
	cached := authn.Cache(s, authn.CacheConfig{})
	for i, want := range []int{1, 3, 4} {
		r := authn.Request{Username: "alice", Password: "right"}
		subject, err := cached.Authenticate(t.Context(), r)
		if d, ok := subject.Data.(*data); err != nil || !ok || d.call != want {
			t.Errorf("login %d has the data %+v, %v, want that of call %d", i, d, err, want)
		}
	}
	runtime.GC()
	for i, d := range given[:2] { // of the first login, and of its confirmation
		if d.Value() != nil {
			t.Errorf("the data of call %d are still in memory", i+1)
		}
	}
	runtime.KeepAlive(cached)
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
