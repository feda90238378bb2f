package authntest_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/authntest"
	"github.com/berthpass/registry-auth/authn/throttle"
)

// A recorder is a test that keeps its failures.
type recorder struct {
	testing.TB

	failures []string
}

func (r *recorder) Helper()           {}
func (r *recorder) Error(args ...any) { r.failures = append(r.failures, fmt.Sprint(args...)) }

func failures(t *testing.T, suite authntest.Suite) []string {
	t.Helper()
	r := &recorder{TB: t}
	authntest.Run(r, suite)
	return r.failures
}

// A faulty source changes what a book returns.
type faulty struct {
	*book

	fault
}

type fault struct {
	login    func(ctx context.Context, r authn.Request, s authn.Subject, err error) (authn.Subject, error)
	lookup   func(name string, s authn.Subject, err error) (authn.Subject, error)
	confirm  func(remembered, s authn.Subject, err error) (authn.Subject, error)
	whenDown error // what Authenticate returns when the book is down
}

func (f faulty) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	s, err := f.book.Authenticate(ctx, r)
	if f.whenDown != nil && f.isDown() {
		return authn.Subject{}, f.whenDown
	}
	if f.login == nil {
		return s, err
	}
	return f.login(ctx, r, s, err)
}

func (f faulty) Lookup(ctx context.Context, name string) (authn.Subject, error) {
	s, err := f.book.Lookup(ctx, name)
	if f.lookup == nil {
		return s, err
	}
	return f.lookup(name, s, err)
}

func (f faulty) Confirm(ctx context.Context, remembered authn.Subject) (authn.Subject, error) {
	s, err := f.book.Confirm(ctx, remembered)
	if f.confirm == nil {
		return s, err
	}
	return f.confirm(remembered, s, err)
}

// onlyDirectory hides Confirm.
type onlyDirectory struct {
	authn.Authenticator
	authn.Directory
}

// noLookup hides Lookup too.
type noLookup struct{ authn.Authenticator }

func TestRunFindsFaults(t *testing.T) {
	for name, test := range faults() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook()
				found := strings.Join(failures(t, b.suite(faulty{b, test.fault})), "\n")
				if !strings.Contains(found, test.want) {
					t.Errorf("found %q, want %q", found, test.want)
				}
			})
		})
	}
}

type faultTest struct {
	fault

	want string
}

// onLogin is a fault of right logins.
func onLogin(change func(r authn.Request, s *authn.Subject) error) fault {
	return fault{login: func(
		_ context.Context, r authn.Request, s authn.Subject, err error,
	) (authn.Subject, error) {
		if err == nil {
			err = change(r, &s)
		}
		return s, err
	}}
}

// instead is a fault of requests for which when is true.
func instead(
	when func(ctx context.Context, r authn.Request, err error) bool, s authn.Subject, wrong error,
) fault {
	return fault{login: func(
		ctx context.Context, r authn.Request, right authn.Subject, err error,
	) (authn.Subject, error) {
		if when(ctx, r, err) {
			return s, wrong
		}
		return right, err
	}}
}

func TestSoundSourcesPass(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	cached := func(a authn.Authenticator) authn.Authenticator {
		return authn.Cache(a, authn.CacheConfig{Logger: quiet})
	}
	for name, decorate := range map[string]func(b *book) authn.Authenticator{
		"alone":         func(b *book) authn.Authenticator { return b },
		"in a Cache":    func(b *book) authn.Authenticator { return cached(b) },
		"in a Chain":    func(b *book) authn.Authenticator { return authn.Chain(b, authn.Chain()) },
		"in a throttle": func(b *book) authn.Authenticator { return throttle.New(b, throttle.Config{}) },
		"in all of them": func(b *book) authn.Authenticator {
			return throttle.New(cached(authn.Chain(b)), throttle.Config{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook()
				authntest.Run(t, b.suite(decorate(b)))
			})
		})
	}
}

// A look-up by name gives a token the rights of its owner. Run finds that, unless the token has a
// Limit, with which it cannot be confirmed.
func TestADirectoryAloneDoesNotConfirmTokens(t *testing.T) {
	b := newBook()
	suite := b.suite(onlyDirectory{b, b})
	suite.Change, suite.Disable, suite.Break = nil, nil, nil
	found := failures(t, suite)
	const want = "Logins[1]: Confirm returns ErrNoLookup, want success"
	if len(found) != 1 || !strings.Contains(found[0], want) {
		t.Errorf("found %q, want %q", found, want)
	}
	suite.Logins[1].Unconfirmable = true
	if found := failures(t, suite); found != nil {
		t.Errorf("found %q", found)
	}
	suite.Logins[0].Unconfirmable = true
	found = failures(t, suite)
	if len(found) != 1 || !strings.Contains(found[0], "want ErrNoLookup") {
		t.Errorf("found %q", found)
	}
}

func TestASourceWithoutLookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		suite := b.suite(noLookup{b})
		for i := range suite.Logins {
			suite.Logins[i].Unconfirmable = true
		}
		authntest.Run(t, suite)
	})
}

// A verifier of JWTs knows its keys while the identity provider is down.
func TestALoginMayWorkOffline(t *testing.T) {
	for name, test := range map[string]struct {
		offline, works bool
		want           string
	}{
		"it works":       {true, true, ""},
		"it fails":       {true, false, "after Break: Authenticate returns an outage, want success"},
		"it should fail": {false, true, "after Break: Authenticate returns success, want an outage"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook()
			suite := b.suite(b)
			suite.Change = nil
			for i := range suite.Logins {
				suite.Logins[i].Offline = test.offline
			}
			if test.works {
				suite.Break = func() {}
			}
			found := strings.Join(failures(t, suite), "\n")
			if !strings.Contains(found, test.want) || (found == "") != (test.want == "") {
				t.Errorf("found %q, want %q", found, test.want)
			}
		})
	}
}

// Sessions have no password, by which two of them would differ.
func TestTwoSessionsHaveTwoStamps(t *testing.T) {
	type cookie string
	alice := authn.Subject{Name: "alice", Stamp: "1"}
	sessions := authn.Func(func(_ context.Context, r authn.Request) (authn.Subject, error) {
		if c, ok := r.Other.(cookie); !ok || c == "" {
			return authn.Subject{}, authn.ErrNoMatch
		}
		return alice, nil
	})
	var logins []authntest.Login
	for _, c := range []cookie{"one", "two", "one"} {
		logins = append(logins, authntest.Login{
			Request: authn.Request{Other: c}, Subject: alice, Unconfirmable: true,
		})
	}
	found := failures(t, authntest.Suite{
		Source: sessions, Logins: logins, Unknown: []authn.Request{{Other: cookie("")}},
	})
	if len(found) != 2 || !strings.Contains(found[0], "Logins[1] has the Stamp of Logins[0]") ||
		!strings.Contains(found[1], "Logins[2] has the Stamp of Logins[1]") {
		t.Errorf("found %q", found)
	}
}

func TestASuiteWithoutCredentialsTestsNothing(t *testing.T) {
	for name, empty := range map[string]func(*authntest.Suite){
		"source":       func(s *authntest.Suite) { s.Source = nil },
		"logins":       func(s *authntest.Suite) { s.Logins = nil },
		"wrong logins": func(s *authntest.Suite) { s.Wrong, s.Unknown = nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook()
			suite := b.suite(b)
			empty(&suite)
			if found := failures(t, suite); len(found) != 1 ||
				!strings.Contains(found[0], "needs") {
				t.Errorf("found %q", found)
			}
		})
	}
}
