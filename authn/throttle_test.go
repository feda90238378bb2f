package authn_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

// guarded is a throttle over a source that knows alice and bob, with a clock that the test sets.
type guarded struct {
	*source
	*clock
	authn.Authenticator

	t       *testing.T
	guesses atomic.Int64
}

func guard(t *testing.T, change ...func(*authn.ThrottleConfig)) *guarded {
	t.Helper()
	g := &guarded{t: t, clock: newClock(), source: &source{}}
	g.source.lookup = func(name string) (authn.Subject, error) {
		if name = strings.ToLower(name); name != "alice" && name != "bob" {
			return authn.Subject{}, authn.ErrNoMatch
		}
		return authn.Subject{Name: name, Stamp: "1"}, nil
	}
	g.source.check = func(ctx context.Context, r authn.Request) (authn.Subject, error) {
		subject, err := g.source.lookup(r.Username)
		if err == nil && r.Password != "right" {
			return authn.Subject{}, authn.ErrRejected
		}
		return subject, err
	}
	cfg := authn.ThrottleConfig{Now: g.now, Hold: -1}
	for _, c := range change {
		c(&cfg)
	}
	g.Authenticator = authn.Throttle(g.source, cfg)
	return g
}

const (
	home  = "192.0.2.1"
	other = "198.51.100.7"
)

// try logs in, and reports how the client is answered: 200, 401, 429 or 503.
func (g *guarded) try(address, name string, password authn.Secret) (status int, wait time.Duration) {
	var from netip.Addr
	if address != "" {
		from = netip.MustParseAddr(address)
	}
	subject, err := g.Authenticate(g.t.Context(), authn.Request{Username: name, Password: password, RemoteAddr: from})
	throttled := (*authn.ThrottledError)(nil)
	switch {
	case err == nil && !subject.Anonymous():
		return 200, 0
	case errors.As(err, &throttled) && errors.Is(err, authn.ErrThrottled):
		if throttled.RetryAfter <= 0 || errors.Is(err, authn.ErrRejected) || errors.Is(err, authn.ErrNoMatch) {
			g.t.Errorf("a wait of %v, in %v", throttled.RetryAfter, err)
		}
		return 429, throttled.RetryAfter
	case errors.Is(err, authn.ErrRejected), errors.Is(err, authn.ErrNoMatch):
		return 401, 0
	default:
		return 503, 0
	}
}

// Authenticate is the throttle's, and not the source's.
func (g *guarded) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	return g.Authenticator.Authenticate(ctx, r)
}

// guess tries n different wrong passwords and returns how many were checked.
func (g *guarded) guess(n int, address, name string) (checked int) {
	for range n {
		if status, _ := g.try(address, name, authn.Secret("guess "+strconv.FormatInt(g.guesses.Add(1), 10))); status != 429 {
			checked++
		}
	}
	return checked
}

func (g *guarded) want(address, name string, password authn.Secret, want int) {
	g.t.Helper()
	if got, wait := g.try(address, name, password); got != want {
		g.t.Errorf("%s from %s with %q: %d (%v), want %d", name, address, string(password), got, wait, want)
	}
}

func TestThrottleByAccountAndAddress(t *testing.T) {
	for _, name := range []string{"alice", "nobody"} { // unknown users as known ones
		t.Run(name, func(t *testing.T) {
			g := guard(t)
			if checked := g.guess(30, home, name); checked != 10 {
				t.Errorf("%d of 30 guesses are checked, want 10", checked)
			}
			if checks := g.checks.Load(); checks != 10 {
				t.Errorf("the source is asked %d times", checks)
			}
			g.want(home, "bob", "right", 200) // another account
			g.want(other, name, "wrong", 401) // another address
			g.want(home, "alice2", "wrong", 401)
		})
	}
}

func TestThrottleDelayDoubles(t *testing.T) {
	g := guard(t)
	g.guess(10, home, "alice")
	for n, seconds := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
		want := time.Duration(seconds) * time.Second
		if status, wait := g.try(home, "alice", "before"); status != 429 || wait != want {
			t.Fatalf("after %d failures: %d, wait %v, want %v", n+10, status, wait, want)
		}
		g.add(want - 1)
		if status, wait := g.try(home, "alice", "before"); status != 429 || wait != 1 {
			t.Fatalf("just before: %d, wait %v", status, wait)
		}
		g.add(1)
		g.want(home, "alice", "wrong", 401)
	}
	g.add(20*time.Minute - 1)
	if checked := g.guess(30, home, "alice"); checked != 1 {
		t.Errorf("%d guesses, just before all is forgotten", checked)
	}
	g.add(20 * time.Minute)
	if checked := g.guess(30, home, "alice"); checked != 10 {
		t.Errorf("%d guesses after all is forgotten", checked)
	}
}

func TestThrottleCountsWithinAWindow(t *testing.T) {
	g := guard(t)
	for range 40 {
		g.guess(9, home, "alice")
		g.add(5 * time.Minute)
	}
	if checks := g.checks.Load(); checks != 9*40 {
		t.Errorf("%d checks: nine failures in each five minutes are throttled", checks)
	}
}

func TestThrottleByAddress(t *testing.T) {
	g := guard(t)
	for i := range 200 {
		g.guess(1, home, "user"+strconv.Itoa(i))
	}
	if checks := g.checks.Load(); checks != 100 {
		t.Errorf("%d guesses at 200 accounts from one address are checked, want 100", checks)
	}
	g.want(home, "bob", "right", 429)
	g.want(other, "bob", "right", 200)
	g.add(time.Second)
	g.want(home, "bob", "right", 200)
}

func TestThrottleAddressesAreNetworks(t *testing.T) {
	for name, test := range map[string]struct {
		first, second string
		together      bool
	}{
		"the same address of IPv4":     {"192.0.2.1", "192.0.2.1", true},
		"two addresses of IPv4":        {"192.0.2.1", "192.0.2.2", false},
		"IPv4 written as IPv6":         {"192.0.2.1", "::ffff:192.0.2.1", true},
		"two of IPv4 written as IPv6":  {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
		"the same /64 of IPv6":         {"2001:db8::1", "2001:db8:0:0:ffff::2", true},
		"two of /64 of IPv6":           {"2001:db8:0:1::1", "2001:db8:0:2::1", false},
		"a link-local one with a zone": {"fe80::1%eth0", "fe80::2%eth1", true},
		"none":                         {"", "", true},
		"none and one":                 {"", "192.0.2.1", false},
	} {
		t.Run(name, func(t *testing.T) {
			g := guard(t)
			g.guess(10, test.first, "alice")
			want := 401
			if test.together {
				want = 429
			}
			g.want(test.second, "alice", "wrong", want)
		})
	}
}

// Without an address there is no rule for addresses: it would be one for all clients.
func TestThrottleUnknownAddressesAreNotOne(t *testing.T) {
	g := guard(t)
	for i := range 150 {
		g.want("", "user"+strconv.Itoa(i), "wrong", 401)
	}
}

func TestThrottleFoldsNames(t *testing.T) {
	for _, name := range []string{"alice", "nobody"} {
		g := guard(t)
		g.guess(5, home, name)
		g.guess(5, home, strings.ToUpper(name))
		g.want(home, name, "wrong", 429)
	}
	g := guard(t)
	g.source.lookup = func(name string) (authn.Subject, error) {
		return authn.Subject{Name: strings.TrimSuffix(name, "@corp")}, nil
	}
	g.guess(10, home, "alice@corp")
	g.want(home, "alice", "right", 429)
}

// A thousand addresses guess at alice, and she comes from one that nobody has seen: she waits once, and is let in, though the
// others go on.
func TestThrottleByAccountOnlySlowsDown(t *testing.T) {
	g := guard(t)
	attack := func() {
		for i := range 1000 {
			g.guess(1, fmt.Sprintf("10.0.%d.%d", i/250, i%250), "alice")
		}
	}
	attack()
	if checks := g.checks.Load(); checks != 100 {
		t.Errorf("%d guesses from 1000 addresses are checked, want 100", checks)
	}
	g.want(home, "bob", "right", 200)
	for range 5 {
		g.add(time.Second)
		attack()
	}
	status, wait := g.try(home, "alice", "right")
	if status != 429 || wait > 30*time.Second {
		t.Fatalf("from a new address: %d, wait %v", status, wait)
	}
	for range int(wait / time.Second) {
		g.add(time.Second)
		attack()
	}
	g.want(home, "alice", "right", 200)
	attack()
	g.want(home, "alice", "right", 200)
}

func TestThrottleAccountWaitsOncePerGuess(t *testing.T) {
	g := guard(t)
	for i := range 150 {
		g.guess(1, fmt.Sprintf("10.0.0.%d", i), "alice")
	}
	before := g.checks.Load()
	for range 300 { // five minutes
		g.guess(3, home, "alice")
		g.add(time.Second)
	}
	if checked := g.checks.Load() - before; checked < 5 || checked > 14 {
		t.Errorf("%d guesses in five minutes from a new address, while the account is slowed down", checked)
	}
}

func TestThrottleLetsTheTrustedThrough(t *testing.T) {
	attacks := map[string]func(g *guarded){
		"from the same address": func(g *guarded) { g.guess(500, home, "alice") },
		"from the same, at other accounts": func(g *guarded) {
			g.guess(300, home, "nobody")
			for i := range 300 {
				g.guess(1, home, strconv.Itoa(i))
			}
		},
		"from others": func(g *guarded) {
			for i := range 300 {
				g.guess(2, fmt.Sprintf("10.0.%d.1", i%250), "alice")
			}
		},
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			g := guard(t)
			g.want(home, "alice", "right", 200)
			attack(g)
			checks := g.checks.Load()
			g.want(home, "alice", "right", 200)
			g.want(home, "alice", "right", 200)
			if got := g.checks.Load() - checks; got != 2 {
				t.Errorf("the source is asked %d times for two logins", got)
			}
			g.want(home, "bob", "right", map[bool]int{true: 429, false: 200}[strings.Contains(name, "other accounts")])
		})
	}
}

func TestThrottleTrustsTheExactCredentials(t *testing.T) {
	g := guard(t)
	g.want(home, "alice", "right", 200)
	g.guess(20, home, "alice")
	g.guess(20, other, "alice")
	g.want(home, "alice", "righ", 429)
	g.want(home, "alice", "Right", 429)
	g.want(other, "alice", "right", 429)
	g.want(home, "alice", "right", 200)
}

func TestThrottleTrustsSeveralPasswords(t *testing.T) {
	g := guardRights(t)
	for i := range 5 {
		g.want(home, "alice", authn.Secret("right"+strconv.Itoa(i)), 200)
	}
	g.guess(20, home, "alice")
	for i := range 5 {
		g.want(home, "alice", authn.Secret("right"+strconv.Itoa(i)), map[bool]int{true: 200, false: 429}[i > 0])
	}
}

// guardRights is a source for which all passwords are right that begin so.
func guardRights(t *testing.T) *guarded {
	t.Helper()
	g := guard(t)
	g.source.check = func(_ context.Context, r authn.Request) (authn.Subject, error) {
		if !strings.HasPrefix(string(r.Password), "right") {
			return authn.Subject{}, authn.ErrRejected
		}
		return authn.Subject{Name: "alice"}, nil
	}
	return g
}

func TestThrottleTrustsThePasswordsUsedLast(t *testing.T) {
	g := guardRights(t)
	for _, i := range []int{0, 1, 2, 3, 0, 4} {
		g.want(home, "alice", authn.Secret("right"+strconv.Itoa(i)), 200)
	}
	g.guess(20, home, "alice")
	for i, want := range []int{200, 429, 200, 200, 200} {
		g.want(home, "alice", authn.Secret("right"+strconv.Itoa(i)), want)
	}
}

// The comparison with the trusted credentials is not a way to guess without limit.
func TestThrottleBoundsTheNeighbour(t *testing.T) {
	g := guard(t)
	g.want(home, "alice", "right", 200)
	g.guess(10, home, "alice")
	g.guess(999, home, "alice")
	g.want(home, "alice", "right", 200)
	g.guess(1, home, "alice")
	g.want(home, "alice", "right", 429)
	g.want(other, "alice", "right", 200)
	g.guess(10, home, "alice")
	g.add(3 * time.Second)
	g.guess(1, home, "alice") // after the one second, this one is checked
	g.want(home, "alice", "right", 200)
	g.guess(1, home, "alice")
	g.want(home, "alice", "right", 429)
}

func TestThrottleTrustEnds(t *testing.T) {
	for name, test := range map[string]struct {
		configured, idle time.Duration
		want             int
	}{
		"just within the default":          {0, 24*time.Hour - time.Second, 200},
		"after the default":                {0, 24 * time.Hour, 429},
		"just within a configured time":    {time.Hour, time.Hour - time.Second, 200},
		"after a configured time":          {time.Hour, time.Hour, 429},
		"the clock was set back ten years": {0, -10 * 365 * 24 * time.Hour, 200},
	} {
		t.Run(name, func(t *testing.T) {
			g := guard(t, func(cfg *authn.ThrottleConfig) { cfg.TrustFor = test.configured })
			g.want(home, "alice", "right", 200)
			g.add(test.idle)
			g.guess(10, home, "alice")
			g.want(home, "alice", "right", test.want)
		})
	}
}

// Trust lasts from the last use, also when that followed soon on another.
func TestThrottleTrustIsProlongedByUse(t *testing.T) {
	for _, lasts := range []time.Duration{time.Second, 24 * time.Hour} {
		g := guard(t, func(cfg *authn.ThrottleConfig) { cfg.TrustFor = lasts })
		for range 2000 {
			g.want(home, "alice", "right", 200)
			g.add(lasts / 1_000_000)
		}
		g.add(lasts - lasts/1000)
		g.guess(10, home, "alice")
		g.want(home, "alice", "right", 200)
	}
}

// The place where nobody logged in for the longest time is forgotten.
func TestThrottleTrustIsBounded(t *testing.T) {
	g := guard(t, func(cfg *authn.ThrottleConfig) { cfg.MaxEntries = 10 }) // two of each kind
	for _, address := range []string{home, other, home, "203.0.113.1"} {
		g.want(address, "alice", "right", 200)
	}
	for address, want := range map[string]int{home: 200, "203.0.113.1": 200, other: 429} {
		g.guess(20, address, "alice")
		g.want(address, "alice", "right", want)
	}
}

// At the same time there are as many comparisons as one after another.
func TestThrottleBoundsTheNeighbourAtOnce(t *testing.T) {
	g := guard(t)
	g.want(home, "alice", "right", 200)
	g.guess(10, home, "alice")
	var goroutines sync.WaitGroup
	for range 9 {
		goroutines.Go(func() {
			for range 111 {
				g.guess(1, home, "alice")
				g.want(home, "alice", "right", 200)
			}
		})
	}
	goroutines.Wait()
	g.guess(1, home, "alice")
	g.want(home, "alice", "right", 429)
}

// A password that was right yesterday gives no more guesses than any other.
func TestThrottleForgetsCredentialsThatAreWrongNow(t *testing.T) {
	g := guard(t)
	g.want(home, "alice", "right", 200)
	g.source.check = func(context.Context, authn.Request) (authn.Subject, error) {
		return authn.Subject{}, authn.ErrRejected
	}
	g.guess(9, home, "alice")
	g.want(home, "alice", "right", 401)
	g.add(time.Second - 1)
	g.want(home, "alice", "right", 401) // remembered, see below
	g.add(1)
	g.want(home, "alice", "right", 401) // the wait is over
	g.add(time.Second)
	g.want(home, "alice", "right", 429)
}

func TestThrottleSuccessClears(t *testing.T) {
	g := guard(t)
	g.guess(9, home, "alice")
	g.want(home, "alice", "right", 200)
	if checked := g.guess(20, home, "alice"); checked != 10 {
		t.Errorf("%d guesses after a success, want 10", checked)
	}
}

// An attacker with an account of his own gains nothing by logging in to it.
func TestThrottleSuccessClearsNothingElse(t *testing.T) {
	g := guard(t)
	g.guess(10, home, "alice")
	for i := range 200 {
		g.guess(1, home, "user"+strconv.Itoa(i))
	}
	g.want(other, "bob", "right", 200)
	g.want(home, "alice", "wrong", 429)
	g.want(home, "new", "wrong", 429)
	if checks := g.checks.Load(); checks != 101 {
		t.Errorf("%d checks", checks)
	}
}

// Success is not counted for the address: a hundred people behind one may log in.
func TestThrottleManyUsersBehindOneAddress(t *testing.T) {
	g := guard(t)
	g.source.check = func(_ context.Context, r authn.Request) (authn.Subject, error) {
		return authn.Subject{Name: r.Username}, nil
	}
	for i := range 500 {
		g.want(home, "user"+strconv.Itoa(i), "right", 200)
	}
}

func TestThrottleCountsRepetitionsOnce(t *testing.T) {
	for _, name := range []string{"alice", "nobody"} {
		g := guard(t)
		for i := range 10 {
			guess := authn.Secret("guess " + strconv.Itoa(i))
			g.want(home, name, guess, 401) // POST
			g.want(home, name, guess, 401) // GET
			g.want(home, name, guess, 401)
		}
		if checks := g.checks.Load(); checks != 10 {
			t.Errorf("%d checks of ten passwords, three times each", checks)
		}
		g.want(home, name, "guess 10", 429)
		g.want(home, name, "guess 9", 401)
		g.want(other, name, "guess 9", 401)
		g.want(home, name, "guess 8", 429)
	}
}

func TestThrottleRepetitionsCountAfterASecond(t *testing.T) {
	g := guard(t)
	for range 10 {
		g.want(home, "alice", "wrong", 401)
		g.add(time.Second)
	}
	if checks := g.checks.Load(); checks != 10 {
		t.Errorf("%d checks in ten seconds", checks)
	}
	g.add(-1)
	g.want(home, "alice", "another", 429)
}

// The kind of error stays the same, since a Chain around the throttle tells them apart.
func TestThrottleRemembersTheKindOfError(t *testing.T) {
	for name, want := range map[string]error{"alice": authn.ErrRejected, "nobody": authn.ErrNoMatch} {
		g := guard(t)
		for range 2 {
			_, err := g.Authenticate(t.Context(), authn.Request{Username: name, Password: "wrong", RemoteAddr: netip.MustParseAddr(home)})
			if !errors.Is(err, want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestThrottleDoesNotCountFaults(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, fault := range map[string]func(ctx context.Context) error{
		"a broken source": func(context.Context) error { return errors.New("the database is down") },
		"a busy source": func(context.Context) error {
			return fmt.Errorf("check: %w", errors.New("too many password checks at once"))
		},
		"a canceled context":  func(context.Context) error { return canceled.Err() },
		"a panic":             func(context.Context) error { panic("a bug in the source") },
		"a nameless subject":  func(context.Context) error { return nil },
		"a throttle below it": func(context.Context) error { return &authn.ThrottledError{RetryAfter: 1} },
	} {
		t.Run(name, func(t *testing.T) {
			g := guard(t)
			g.guess(9, home, "alice")
			working := g.source.check
			g.source.check = func(ctx context.Context, _ authn.Request) (authn.Subject, error) { return authn.Subject{}, fault(ctx) }
			for i := range 300 {
				func() {
					defer func() { _ = recover() }()
					g.try(home, "alice", authn.Secret(strconv.Itoa(i)))
				}()
			}
			if checks := g.checks.Load(); checks != 309 {
				t.Errorf("%d checks: faults are counted", checks)
			}
			g.source.check = working
			g.want(home, "alice", "wrong", 401)
			g.want(home, "alice", "wronger", 429)
		})
	}
}

// A fault does not prolong the wait, and does not use it up.
func TestThrottleFaultAfterTheWait(t *testing.T) {
	g := guard(t)
	g.guess(14, home, "alice")
	g.add(time.Second)
	working := g.source.check
	g.source.check = func(context.Context, authn.Request) (authn.Subject, error) {
		return authn.Subject{}, errors.New("down")
	}
	g.want(home, "alice", "wrong", 503)
	g.source.check = working
	g.want(home, "alice", "right", 200)
}

func TestThrottleIsADirectory(t *testing.T) {
	g := guard(t)
	if subject, err := authn.Lookup(t.Context(), g.Authenticator, "alice"); subject.Name != "alice" || err != nil {
		t.Errorf("alice: %+v, %v", subject, err)
	}
	if _, err := authn.Lookup(t.Context(), g.Authenticator, "nobody"); !errors.Is(err, authn.ErrNoMatch) {
		t.Errorf("nobody: %v", err)
	}
	without := authn.Throttle(authn.Func(g.source.Authenticate), authn.ThrottleConfig{})
	if _, err := authn.Lookup(t.Context(), without, "alice"); !errors.Is(err, authn.ErrNoLookup) {
		t.Errorf("without a directory: %v", err)
	}
}

func TestThrottleLeavesRequestsWithoutAUserNameAlone(t *testing.T) {
	g := guard(t)
	seen := 0
	g.source.check = func(_ context.Context, r authn.Request) (authn.Subject, error) {
		seen++
		if r.ClientID != "test" {
			t.Errorf("the source sees %+v", r)
		}
		return authn.Subject{}, authn.ErrNoMatch
	}
	for range 300 {
		_, err := g.Authenticate(t.Context(), authn.Request{RemoteAddr: netip.MustParseAddr(home), ClientID: "test"})
		if !errors.Is(err, authn.ErrNoMatch) {
			t.Fatal(err)
		}
	}
	if seen != 300 {
		t.Errorf("the source sees %d of 300 requests", seen)
	}
}

// Nobody is locked out for longer than the wait because a clock was wrong for a while.
func TestThrottleSurvivesTheClock(t *testing.T) {
	const day = 24 * time.Hour
	for name, steps := range map[string][]time.Duration{
		"back a second":            {-time.Second},
		"back an hour":             {-time.Hour},
		"back ten years":           {-3650 * day},
		"ahead an hour":            {time.Hour},
		"ahead an hour and back":   {time.Hour, -time.Hour},
		"ahead ten years and back": {3650 * day, -3650 * day},
		"back ten years and ahead": {-3650 * day, 3650 * day},
	} {
		t.Run(name, func(t *testing.T) {
			g := guard(t)
			g.want(other, "bob", "right", 200)
			for i := range 150 {
				g.guess(1, fmt.Sprintf("10.0.0.%d", i), "alice")
			}
			for _, step := range steps {
				g.guess(30, home, "alice")
				g.guess(30, home, "bob")
				g.add(step)
			}
			for _, name := range []string{"alice", "bob"} {
				if status, wait := g.try(home, name, "right"); status == 429 && wait <= 30*time.Second {
					g.add(wait)
				}
				g.want(home, name, "right", 200)
			}
			g.want(other, "bob", "right", 200)
		})
	}
}

// At the same time there are as many guesses as one after another.
func TestThrottleCountsBeforeItAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guard(t, func(cfg *authn.ThrottleConfig) { cfg.AtOnce = 200 })
		finish := make(chan struct{})
		g.source.check = func(context.Context, authn.Request) (authn.Subject, error) {
			<-finish
			return authn.Subject{}, authn.ErrRejected
		}
		var statuses [200]int
		var wg sync.WaitGroup
		for i := range statuses {
			wg.Go(func() { statuses[i], _ = g.try(home, "alice", authn.Secret(strconv.Itoa(i))) })
		}
		synctest.Wait()
		if checks := g.checks.Load(); checks != 10 {
			t.Errorf("%d checks run at once, want 10", checks)
		}
		close(finish)
		wg.Wait()
		count := map[int]int{}
		for _, status := range statuses {
			count[status]++
		}
		if count[401] != 10 || count[429] != 190 {
			t.Errorf("answers are %v", count)
		}
	})
}

// An engine with an old password asks for several tokens at once; a Cache below makes one check of them.
func TestThrottleCountsConcurrentRepetitionsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guard(t)
		finish := make(chan struct{})
		working := g.source.check
		g.source.check = func(ctx context.Context, r authn.Request) (authn.Subject, error) {
			<-finish
			return working(ctx, r)
		}
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { g.want(home, "alice", "wrong", 401) })
		}
		synctest.Wait()
		close(finish)
		wg.Wait()
		g.source.check = working
		if checked := g.guess(20, home, "alice"); checked != 9 {
			t.Errorf("%d further guesses, want 9", checked)
		}
	})
}

// A thousand nodes log in at once, each from an address of its own: with one password that is one guess, whatever becomes of it.
func TestThrottleACluster(t *testing.T) {
	down := errors.New("down")
	for name, test := range map[string]struct {
		password func(node int) authn.Secret
		err      error // of the source, when it is broken
		statuses map[int]int
		left     int // of the hundred free failures of the account
	}{
		"the right password":        {func(int) authn.Secret { return "right" }, nil, map[int]int{200: 1000}, 100},
		"one wrong password":        {func(int) authn.Secret { return "wrong" }, nil, map[int]int{401: 1000}, 99},
		"a source that is down":     {func(int) authn.Secret { return "right" }, down, map[int]int{503: 1000}, 100},
		"each another password":     {func(i int) authn.Secret { return authn.Secret(strconv.Itoa(i)) }, nil, map[int]int{401: 1000}, 0},
		"some with an old password": {func(i int) authn.Secret { return []authn.Secret{"old", "right", "right"}[i%3] }, nil, map[int]int{200: 666, 401: 334}, 99},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := guard(t)
				working, finish := g.source.check, make(chan struct{})
				g.source.check = func(ctx context.Context, r authn.Request) (authn.Subject, error) {
					<-finish
					if test.err != nil {
						return authn.Subject{}, test.err
					}
					return working(ctx, r)
				}
				address := func(i int) string { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String() }
				var statuses [1000]int
				var nodes sync.WaitGroup
				for i := range statuses {
					nodes.Go(func() { statuses[i], _ = g.try(address(i), "alice", test.password(i)) })
					synctest.Wait() // in this order
				}
				close(finish)
				nodes.Wait()
				count := map[int]int{}
				for _, status := range statuses {
					count[status]++
				}
				if !maps.Equal(count, test.statuses) {
					t.Errorf("answers are %v, want %v", count, test.statuses)
				}
				g.source.check = working
				left := 0
				for i := range 200 {
					if status, _ := g.try(address(5000+i), "alice", authn.Secret("guess"+strconv.Itoa(i))); status == 401 {
						left++
					}
				}
				if left != test.left {
					t.Errorf("%d failures are left, want %d", left, test.left)
				}
			})
		})
	}
}

// The same guess is made twice at the same time, and one of the two is given up. It counts all the same.
func TestThrottleWhoHangsUpGuessesNothingForFree(t *testing.T) {
	for name, hangUp := range map[string]struct{ first, before bool }{
		"the first, before the other is answered":  {true, true},
		"the first, after the other is answered":   {true, false},
		"the second, before the other is answered": {false, true},
		"the second, after the other is answered":  {false, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := guard(t)
				answers := make(chan struct{})
				g.source.check = func(ctx context.Context, r authn.Request) (authn.Subject, error) {
					if r.ClientID == "hangs up" {
						<-ctx.Done()
						return authn.Subject{}, ctx.Err()
					}
					<-answers
					return authn.Subject{}, authn.ErrRejected
				}
				checked := 0
				for i := range 200 {
					ctx, leave := context.WithCancel(t.Context())
					var clients sync.WaitGroup
					attempt := func(ctx context.Context, client string) {
						r := authn.Request{
							Username: "alice", Password: authn.Secret(strconv.Itoa(i)), RemoteAddr: netip.MustParseAddr(home), ClientID: client,
						}
						clients.Go(func() {
							if _, err := g.Authenticate(ctx, r); errors.Is(err, authn.ErrRejected) {
								checked++
							}
						})
						synctest.Wait()
					}
					if hangUp.first {
						attempt(ctx, "hangs up")
					}
					attempt(t.Context(), "stays")
					if !hangUp.first {
						attempt(ctx, "hangs up")
					}
					answer := func() {
						select {
						case answers <- struct{}{}:
						default: // it was not asked: the guess is one too many
						}
					}
					events := []func(){leave, answer}
					if !hangUp.before {
						slices.Reverse(events)
					}
					for _, happens := range events {
						happens()
						synctest.Wait()
					}
					leave()
					clients.Wait()
				}
				if checked != 10 {
					t.Errorf("%d guesses were answered, want 10", checked)
				}
			})
		})
	}
}

// The same guess at the same time counts once, whoever is answered first.
func TestThrottleCountsAGuessOnceInAnyOrder(t *testing.T) {
	for _, order := range [][]string{{"0", "1", "2"}, {"2", "1", "0"}, {"1", "0", "2"}} {
		t.Run(strings.Join(order, ""), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := guard(t)
				working, answers := g.source.check, map[string]chan struct{}{"0": make(chan struct{}), "1": make(chan struct{}), "2": make(chan struct{})}
				g.source.check = func(_ context.Context, r authn.Request) (authn.Subject, error) {
					<-answers[r.ClientID]
					return authn.Subject{}, authn.ErrRejected
				}
				var clients sync.WaitGroup
				for i := range 3 {
					r := authn.Request{Username: "alice", Password: "wrong", RemoteAddr: netip.MustParseAddr(home), ClientID: strconv.Itoa(i)}
					clients.Go(func() { _, _ = g.Authenticate(t.Context(), r) })
					synctest.Wait()
				}
				for _, client := range order {
					close(answers[client])
					synctest.Wait()
				}
				clients.Wait()
				g.source.check = working
				if checked := g.guess(20, home, "alice"); checked != 9 {
					t.Errorf("%d further guesses, want 9", checked)
				}
			})
		})
	}
}

// One address with many connections leaves the source to others.
func TestThrottleTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guard(t, func(cfg *authn.ThrottleConfig) { cfg.AtOnce = 4 })
		working, finish := g.source.check, make(chan struct{})
		g.source.check = func(ctx context.Context, r authn.Request) (authn.Subject, error) {
			<-finish
			return working(ctx, r)
		}
		left, leave := context.WithCancel(t.Context())
		var clients sync.WaitGroup
		for i := range 20 {
			r := authn.Request{Username: "stranger" + strconv.Itoa(i), Password: "guess", RemoteAddr: netip.MustParseAddr(home)}
			clients.Go(func() {
				if _, err := g.Authenticate(left, r); err == nil {
					t.Error("a guess is let in")
				}
			})
		}
		synctest.Wait()
		if n := g.checks.Load(); n != 4 {
			t.Errorf("%d are checked at once, want 4", n)
		}
		clients.Go(func() { g.want(other, "alice", "right", 200) })
		for i := range 10 { // of which nobody knows whether they are one
			clients.Go(func() { g.want("", "stranger"+strconv.Itoa(i), "guess", 401) })
		}
		synctest.Wait()
		if n := g.checks.Load(); n != 4+1+10 {
			t.Errorf("%d are checked, want the other address and the unknown ones too", n)
		}
		impatient := authn.Request{Username: "carol", Password: "right", RemoteAddr: netip.MustParseAddr(home)}
		if _, err := g.Authenticate(t.Context(), impatient); !errors.Is(err, authn.ErrThrottled) {
			t.Errorf("after two seconds in the line: error %v", err)
		}
		leave() // those who wait give up
		synctest.Wait()
		close(finish)
		clients.Wait()
		if n := g.checks.Load(); n != 4+1+10 {
			t.Errorf("%d were checked, and some of them after they had left", n)
		}
		g.source.check = working
		for i := range 9 { // four guesses of the hundred failed, and sixteen were none
			g.want(home, "bob", authn.Secret("wrong"+strconv.Itoa(i)), 401)
		}
		g.want(home, "bob", "right", 200)
	})
}

func TestThrottleMemoryIsBounded(t *testing.T) {
	g := guard(t, func(cfg *authn.ThrottleConfig) { cfg.MaxEntries = 50 }) // ten of each kind
	g.guess(30, home, "alice")
	for i := range 9 {
		g.guess(1, fmt.Sprintf("10.0.0.%d", i), "user"+strconv.Itoa(i))
	}
	g.want(home, "alice", "wrong", 429)
	for i := range 10 {
		g.guess(1, fmt.Sprintf("10.0.1.%d", i), "user"+strconv.Itoa(i))
	}
	g.want(home, "alice", "wrong", 401)
}

// What is refused takes no place, or a table could be washed out for nothing.
func TestThrottleRefusalsTakeNoPlace(t *testing.T) {
	g := guard(t, func(cfg *authn.ThrottleConfig) {
		cfg.MaxEntries = 500 // a hundred of each kind
		cfg.Address.Free = 20
	})
	g.guess(10, other, "alice")
	for i := range 1000 {
		g.guess(1, home, "user"+strconv.Itoa(i))
	}
	g.want(other, "alice", "wrong", 429)
}

func TestThrottleHasItsOwnRules(t *testing.T) {
	g := guard(t, func(cfg *authn.ThrottleConfig) {
		cfg.AccountAddress = authn.ThrottleRule{Free: 3, Window: time.Minute, FirstDelay: 10 * time.Second, MaxDelay: 15 * time.Second}
	})
	if checked := g.guess(10, home, "alice"); checked != 3 {
		t.Errorf("%d guesses, want 3", checked)
	}
	for _, want := range []time.Duration{10 * time.Second, 15 * time.Second, 15 * time.Second} {
		if _, wait := g.try(home, "alice", "wrong"); wait != want {
			t.Errorf("wait %v, want %v", wait, want)
		}
		g.add(want)
		g.guess(1, home, "alice")
	}
}

// Two replicas with one store and one key count together, and with different keys do not.
func TestThrottleReplicasShare(t *testing.T) {
	for name, test := range map[string]struct {
		keys [2]authn.Secret
		want int
	}{
		"one key":  {[2]authn.Secret{"0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"}, 429},
		"two keys": {[2]authn.Secret{"0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"}, 401},
		"no keys":  {[2]authn.Secret{"", ""}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			store := authn.NewThrottleMemory(100)
			var replicas [2]*guarded
			for i := range replicas {
				replicas[i] = guard(t, func(cfg *authn.ThrottleConfig) { cfg.Store, cfg.Key = store, test.keys[i] })
			}
			replicas[0].guess(30, home, "alice")
			replicas[1].want(home, "alice", "wrong", test.want)
		})
	}
}

// A brittle store works, fails or hangs as the test wants.
type brittleStore struct {
	authn.ThrottleStore

	err   error
	hangs bool
	calls atomic.Int64
}

func (b *brittleStore) Update(ctx context.Context, keys []authn.ThrottleKey, keep time.Duration, change func([]authn.ThrottleState)) error {
	b.calls.Add(1)
	if b.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	if b.err != nil {
		return b.err
	}
	return b.ThrottleStore.Update(ctx, keys, keep, change)
}

func TestThrottleBrokenStoreIsNeitherDoorNorOutage(t *testing.T) {
	for name, fault := range map[string]struct {
		err   error
		hangs bool
	}{
		"an error": {err: errors.New("connect to redis.internal: refused")},
		"a hang":   {hangs: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				store := &brittleStore{ThrottleStore: authn.NewThrottleMemory(100)}
				g := guard(t, func(cfg *authn.ThrottleConfig) {
					cfg.Store, cfg.Logger = store, slog.New(slog.NewTextHandler(&log, nil))
				})
				g.guess(3, home, "alice")
				store.err, store.hangs = fault.err, fault.hangs
				begun := time.Now()
				if checked := g.guess(30, home, "alice"); checked != 10 {
					t.Errorf("%d guesses while the store is broken, want 10", checked)
				}
				g.want(other, "alice", "right", 200)
				if took := time.Since(begun); took > time.Second {
					t.Errorf("33 logins took %v", took)
				}
				calls := store.calls.Load()
				store.err, store.hangs = nil, false
				g.add(4 * time.Second)
				g.guess(1, "10.0.0.1", "alice")
				if store.calls.Load() != calls {
					t.Error("the store is asked before its time")
				}
				g.add(time.Second)
				if checked := g.guess(30, home, "alice"); checked != 7 {
					t.Errorf("%d guesses when the store works again, want the 7 that are left there", checked)
				}
				if text := log.String(); strings.Count(text, "level=ERROR") != 1 || strings.Count(text, "works again") != 1 {
					t.Errorf("the log: %s", text)
				}
			})
		})
	}
}

// A client that goes away says nothing about the store.
func TestThrottleClientThatGoesIsNoFault(t *testing.T) {
	var log bytes.Buffer
	store := &brittleStore{ThrottleStore: authn.NewThrottleMemory(100), hangs: true}
	g := guard(t, func(cfg *authn.ThrottleConfig) {
		cfg.Store, cfg.Logger = store, slog.New(slog.NewTextHandler(&log, nil))
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := g.Authenticate(ctx, authn.Request{Username: "alice", Password: "right"})
	if !errors.Is(err, context.Canceled) || g.checks.Load() != 0 {
		t.Errorf("error %v after %d checks", err, g.checks.Load())
	}
	if log.Len() > 0 {
		t.Errorf("the log: %s", &log)
	}
}

// What a store is given shows neither names nor addresses nor passwords.
func TestThrottleStoreSeesNoNames(t *testing.T) {
	var seen strings.Builder
	store := storeFunc(func(_ context.Context, keys []authn.ThrottleKey, _ time.Duration, change func([]authn.ThrottleState)) error {
		states := make([]authn.ThrottleState, len(keys))
		change(states)
		fmt.Fprintf(&seen, "%v %s %+v\n", keys, keys, states)
		return nil
	})
	g := guard(t, func(cfg *authn.ThrottleConfig) { cfg.Store = store })
	g.try(home, "alice", "opensesame")
	for _, secret := range []string{"alice", "opensesame", home, fmt.Sprint([]byte("alice")), fmt.Sprint([]byte("opensesame")), "192 0 2 1"} {
		if strings.Contains(seen.String(), secret) {
			t.Errorf("%q is in %s", secret, &seen)
		}
	}
	if seen.Len() == 0 {
		t.Error("the store was not asked")
	}
}

type storeFunc func(context.Context, []authn.ThrottleKey, time.Duration, func([]authn.ThrottleState)) error

func (f storeFunc) Update(ctx context.Context, keys []authn.ThrottleKey, keep time.Duration, change func([]authn.ThrottleState)) error {
	return f(ctx, keys, keep, change)
}
