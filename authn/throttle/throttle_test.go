package throttle_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/throttle"
)

// A source knows alice and bob, whose password is "right", and counts how often it is asked.
type source struct {
	checks, lookups atomic.Int64
	check           func(ctx context.Context, r authn.Request) (authn.Subject, error)
	lookup          func(name string) (authn.Subject, error)
}

func (s *source) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	s.checks.Add(1)
	if s.check != nil {
		return s.check(ctx, r)
	}
	return known(ctx, r)
}

func known(_ context.Context, r authn.Request) (authn.Subject, error) {
	name := strings.ToLower(strings.TrimSpace(r.Username))
	switch {
	case name != "alice" && name != "bob":
		return authn.Subject{}, authn.ErrNoMatch
	case r.Password != "right":
		return authn.Subject{}, authn.ErrRejected
	}
	return authn.Subject{Name: name, Stamp: "1"}, nil
}

func (s *source) Lookup(ctx context.Context, name string) (authn.Subject, error) {
	s.lookups.Add(1)
	if s.lookup != nil {
		return s.lookup(name)
	}
	return known(ctx, authn.Request{Username: name, Password: "right"})
}

// guarded is a throttle in front of a source.
type guarded struct {
	*testing.T
	*source

	users   authn.Authenticator
	guesses atomic.Int64
}

const (
	home  = "192.0.2.1"
	other = "198.51.100.7"
)

// guard calls test in a synctest bubble, where sleeping sets the clock forward.
func guard(t *testing.T, config throttle.Config, test func(g *guarded)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newGuarded(t, config)) })
}

func newGuarded(t *testing.T, config throttle.Config) *guarded {
	t.Helper()
	if config.RefusalDelay == 0 {
		config.RefusalDelay = -1
	}
	g := &guarded{T: t, source: &source{}}
	g.users = throttle.New(g.source, config)
	return g
}

func request(address, name string, password authn.Secret) authn.Request {
	r := authn.Request{Username: name, Password: password}
	if address != "" {
		r.RemoteAddr = netip.MustParseAddr(address)
	}
	return r
}

// try logs in and returns the status that a client reads.
func (g *guarded) try(r authn.Request) (status int, wait time.Duration) {
	return g.status(g.users.Authenticate(g.Context(), r))
}

func (g *guarded) status(subject authn.Subject, err error) (status int, wait time.Duration) {
	refused := (*throttle.Error)(nil)
	rejected := errors.Is(err, authn.ErrRejected) || errors.Is(err, authn.ErrNoMatch)
	switch {
	case err == nil && !subject.Anonymous():
		return 200, 0
	case errors.As(err, &refused):
		if refused.RetryAfter < time.Second || rejected {
			g.Errorf("a wait of %v, in %v", refused.RetryAfter, err)
		}
		return 429, refused.RetryAfter
	case rejected:
		return 401, 0
	}
	return 503, 0
}

// guess tries n different wrong passwords and returns how many were checked.
func (g *guarded) guess(n int, address, name string) (checked int) {
	before := g.checks.Load()
	for range n {
		guess := "guess " + strconv.FormatInt(g.guesses.Add(1), 10)
		g.try(request(address, name, authn.Secret(guess)))
	}
	return int(g.checks.Load() - before)
}

func (g *guarded) want(address, name string, password authn.Secret, want int) {
	g.Helper()
	if got, wait := g.try(request(address, name, password)); got != want {
		g.Errorf("%s from %q with %q: %d (%v), want %d", name, address, string(password), got, wait, want)
	}
}

func TestAPairHasTenGuesses(t *testing.T) {
	for _, name := range []string{"alice", "nobody"} { // unknown users like known ones
		guard(t, throttle.Config{}, func(g *guarded) {
			if checked := g.guess(30, home, name); checked != 10 {
				g.Errorf("%d of 30 guesses at %s are checked, want 10", checked, name)
			}
			g.want(home, "bob", "right", 200) // another account
			g.want(other, name, "wrong", 401) // another network
			g.want(home, "alice2", "wrong", 401)
		})
	}
}

func TestTheDelayDoubles(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		g.guess(10, home, "alice")
		for n, seconds := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512} {
			want := time.Duration(seconds) * time.Second
			status, wait := g.try(request(home, "alice", "before"))
			if status != 429 || wait > want || wait < want-time.Microsecond {
				g.Fatalf("after %d failures: %d, wait %v, want %v", n+10, status, wait, want)
			}
			time.Sleep(want - time.Millisecond)
			g.want(home, "alice", "before", 429)
			time.Sleep(time.Millisecond)
			g.want(home, "alice", "wrong", 401)
		}
		if _, wait := g.try(request(home, "alice", "before")); wait.Round(time.Second) != 15*time.Minute {
			g.Errorf("the longest wait is %v, want 15m", wait)
		}
		time.Sleep(15*time.Minute - time.Millisecond)
		g.want(home, "alice", "before", 429)
		time.Sleep(time.Millisecond)
		if checked := g.guess(30, home, "alice"); checked != 10 {
			g.Errorf("%d guesses after all is forgotten, want 10", checked)
		}
	})
}

func TestANetworkHasAHundredGuesses(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		checked := 0
		for i := range 200 {
			checked += g.guess(1, home, "user"+strconv.Itoa(i))
		}
		if checked != 100 {
			g.Errorf("%d guesses at 200 accounts from one network, want 100", checked)
		}
		g.want(home, "bob", "right", 429)
		g.want(other, "bob", "right", 200)
		time.Sleep(time.Second)
		g.want(home, "bob", "right", 200)
	})
}

func TestNetworks(t *testing.T) {
	for name, test := range map[string]struct {
		first, second string
		together      bool
	}{
		"the same IPv4 address":          {"192.0.2.1", "192.0.2.1", true},
		"two IPv4 addresses":             {"192.0.2.1", "192.0.2.2", false},
		"IPv4 written as IPv6":           {"192.0.2.1", "::ffff:192.0.2.1", true},
		"two of IPv4 written as IPv6":    {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
		"the same IPv6 /64":              {"2001:db8::1", "2001:db8:0:0:ffff::2", true},
		"two IPv6 /64":                   {"2001:db8:0:1::1", "2001:db8:0:2::1", false},
		"link-local addresses of a zone": {"fe80::1%eth0", "fe80::2%eth1", true},
		"unknown addresses":              {"", "", true},
		"an unknown and a known address": {"", "192.0.2.1", false},
	} {
		t.Run(name, func(t *testing.T) {
			guard(t, throttle.Config{}, func(g *guarded) {
				g.guess(10, test.first, "alice")
				g.want(test.second, "alice", "wrong", map[bool]int{true: 429, false: 401}[test.together])
			})
		})
	}
}

// Each guess is at another account, and from another /64 as long as the larger network has some.
func TestLargerIPv6NetworksHaveMoreGuesses(t *testing.T) {
	for name, test := range map[string]struct {
		address func(i uint16) string
		want    int
	}{
		"one /64": {func(i uint16) string { return fmt.Sprintf("2001:db8:1:1::%x", i) }, 100},
		"one /56": {func(i uint16) string { return fmt.Sprintf("2001:db8:1:%x::1", i%0x100) }, 400},
		"one /48": {func(i uint16) string { return fmt.Sprintf("2001:db8:1:%x::1", i*16) }, 1600},
		"one /32": {func(i uint16) string { return fmt.Sprintf("2001:db8:%x::1", i) }, 3000},
	} {
		t.Run(name, func(t *testing.T) {
			guard(t, throttle.Config{}, func(g *guarded) {
				checked := 0
				for i := range uint16(3000) {
					checked += g.guess(1, test.address(i), "user"+strconv.Itoa(int(i)))
				}
				if checked != test.want {
					g.Errorf("%d guesses are checked, want %d", checked, test.want)
				}
			})
		})
	}
}

// Without an address there is no count of the network: it would be one for all clients.
func TestUnknownAddressesAreNoNetwork(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		for i := range 150 {
			g.want("", "user"+strconv.Itoa(i), "wrong", 401)
		}
	})
}

// CVE-2026-47203: each spelling of a name had a count of its own.
func TestSpellingsShareACount(t *testing.T) {
	corp := func(name string) (authn.Subject, error) {
		return authn.Subject{Name: strings.TrimSuffix(name, "@corp")}, nil
	}
	for name, test := range map[string]struct {
		lookup    func(string) (authn.Subject, error)
		spellings []string
		want      int
	}{
		"a known name":                {nil, []string{"alice", "ALICE", " aLiCe", "alice\t"}, 10},
		"an unknown name":             {nil, []string{"nobody", "NOBODY", "Nobody ", " nobody"}, 10},
		"letters that fold to one":    {nil, []string{"kſσ", "\u212aSΣ", "KSς", "ksσ"}, 10},
		"the directory's own aliases": {corp, []string{"alice", "alice@corp", "Alice@corp"}, 10},
		"two accounts":                {corp, []string{"alice@corp", "bob@corp"}, 20},
		"no directory": {
			func(string) (authn.Subject, error) { return authn.Subject{}, authn.ErrNoLookup },
			[]string{"alice", "ALICE"},
			10,
		},
		"a directory that returns no name": {
			func(string) (authn.Subject, error) { return authn.Subject{}, nil },
			[]string{"alice", "bob"},
			20,
		},
		"a broken directory": {
			func(string) (authn.Subject, error) { return authn.Subject{}, errors.New("down") },
			[]string{"alice", "ALICE"},
			10,
		},
	} {
		t.Run(name, func(t *testing.T) {
			guard(t, throttle.Config{}, func(g *guarded) {
				g.lookup = test.lookup
				checked := 0
				for i := range 40 {
					checked += g.guess(1, home, test.spellings[i%len(test.spellings)])
				}
				if checked != test.want {
					g.Errorf("%d guesses are checked, want %d", checked, test.want)
				}
			})
		})
	}
}

// A client that hangs up during the look-up must not choose the name that is remembered.
func TestACanceledLookUpIsNotRemembered(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		ctx, cancel := context.WithCancel(g.Context())
		g.lookup = func(string) (authn.Subject, error) { cancel(); return authn.Subject{}, ctx.Err() }
		if _, err := g.users.Authenticate(ctx, request(home, "alice@corp", "a")); err == nil {
			g.Error("no error")
		}
		g.lookup = func(string) (authn.Subject, error) { return authn.Subject{Name: "alice"}, nil }
		g.guess(10, home, "alice")
		g.want(home, "alice@corp", "wrong", 429)
	})
}

// Fault 6.
func TestRefusedLoginsAreFewLookUps(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		g.guess(110, home, "alice")
		if n := g.lookups.Load(); n != 1 {
			g.Errorf("%d look-ups for a hundred refused logins, want 1", n)
		}
		time.Sleep(time.Minute)
		g.guess(100, home, "alice")
		if n := g.lookups.Load(); n != 2 {
			g.Errorf("%d look-ups after a minute, want 2", n)
		}
	})
}

func TestRightCredentialsAreNotLockedOut(t *testing.T) {
	attacks := map[string]func(g *guarded){
		"at the account": func(g *guarded) { g.guess(500, home, "alice") },
		"at other accounts of the network": func(g *guarded) {
			for i := range 300 {
				g.guess(1, home, strconv.Itoa(i))
			}
		},
		"from other networks": func(g *guarded) {
			for i := range 300 {
				g.guess(2, fmt.Sprintf("10.0.%d.1", i%250), "alice")
			}
		},
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			guard(t, throttle.Config{}, func(g *guarded) {
				g.want(home, "alice", "right", 200)
				for range 20 {
					attack(g)
					g.want(home, "alice", "right", 200)
					time.Sleep(time.Hour)
				}
				attack(g)
				for _, password := range []authn.Secret{"righ", "Right"} {
					if name == "from other networks" {
						break
					}
					g.want(home, "alice", password, 429)
				}
			})
		})
	}
}

// The comparison with the right credentials is no way to guess without limit.
func TestAStrangerInTheNetworkHasAThousandGuesses(t *testing.T) {
	for name, refuse := range map[string]func(g *guarded){
		"because of the pair": func(g *guarded) { g.guess(10, home, "alice") },
		"because of the network": func(g *guarded) {
			for i := range 107 { // this many, so that the network is refused for a minute
				g.guess(1, home, "user"+strconv.Itoa(i))
				if i >= 100 {
					time.Sleep(time.Second << (i - 100))
					g.guess(1, home, "user"+strconv.Itoa(i))
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			guard(t, throttle.Config{}, func(g *guarded) {
				g.want(home, "alice", "right", 200)
				refuse(g)
				compared := 0
				for range 3000 {
					if checked := g.guess(1, home, "alice"); checked != 0 {
						g.Fatal("the guess is checked, but should be refused")
					}
					compared++
					if status, _ := g.try(request(home, "alice", "right")); status == 429 {
						break
					}
				}
				if compared < 980 || compared > 1001 {
					g.Errorf("%d guesses could be compared, want 1000", compared)
				}
				g.want(other, "alice", "right", 200)
				time.Sleep(15 * time.Minute)
				g.want(home, "alice", "right", 200)
			})
		})
	}
}

// An attacker's own account in many networks evicted the number of guesses.
func TestNothingMakesRoomForMoreGuesses(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		g.want(home, "alice", "right", 200)
		g.guess(1100, home, "alice")
		g.want(home, "alice", "right", 429)
		for i := range 2 * 10_001 {
			address := fmt.Sprintf("2001:db8:0:%x::1", i%10_001)
			g.want(address, "bob", "right", 200)
			if i >= 10_001 {
				g.guess(1, address, "bob")
			}
		}
		g.want(home, "alice", "right", 429)
	})
}

// Parallel guesses are compared no more often than those one after another.
func TestAStrangerHasNoMoreGuessesInParallel(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		g.want(home, "alice", "right", 200)
		g.guess(10, home, "alice")
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { g.guess(100, home, "alice") })
		}
		wg.Wait()
		g.want(home, "alice", "right", 429)
	})
}

func TestAnOldPasswordIsOneGuess(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		g.want(home, "alice", "right", 200)
		g.guess(10, home, "alice")
		for range 3000 { // by a program that does not give up
			g.try(request(home, "alice", "old"))
		}
		g.want(home, "alice", "right", 200)
	})
}

func TestRightCredentialsPassForADay(t *testing.T) {
	for idle, want := range map[time.Duration]int{
		24*time.Hour - time.Minute: 200,
		24*time.Hour + time.Minute: 429,
	} {
		guard(t, throttle.Config{}, func(g *guarded) {
			for range 100 { // a use prolongs it
				g.want(home, "alice", "right", 200)
				time.Sleep(time.Hour)
			}
			g.want(home, "alice", "right", 200)
			time.Sleep(idle)
			g.guess(10, home, "alice")
			g.want(home, "alice", "right", want)
		})
	}
}

// An account has a token for each machine, or logs in to several services. The second success
// replaced the first, which was locked out then.
func TestSeveralRightCredentialsAreNotLockedOut(t *testing.T) {
	of := func(service string) authn.Request {
		r := request(home, "alice", "right")
		r.Service = service
		return r
	}
	for name, logins := range map[string][]authn.Request{
		"tokens": {
			request(home, "alice", "right1"), request(home, "alice", "right2"),
			request(home, "alice", "right3"), request(home, "alice", "right4"),
		},
		"services": {of("a.test"), of("b.test")},
	} {
		t.Run(name, func(t *testing.T) {
			guard(t, throttle.Config{}, func(g *guarded) {
				g.check = func(_ context.Context, r authn.Request) (authn.Subject, error) {
					if !strings.HasPrefix(string(r.Password), "right") {
						return authn.Subject{}, authn.ErrRejected
					}
					return authn.Subject{Name: r.Username}, nil
				}
				checked := 0
				for range 20 {
					for _, r := range logins {
						if status, _ := g.try(r); status != 200 {
							g.Errorf("%s for %q: %d", string(r.Password), r.Service, status)
						}
					}
					checked += g.guess(30, home, "alice")
				}
				if checked > 10 { // none of them clears the failures again
					g.Errorf("%d guesses are checked, want 10", checked)
				}
			})
		})
	}
}

// A password that was right yesterday gives no more guesses than any other.
func TestCredentialsThatAreWrongNowDoNotPass(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		g.want(home, "alice", "right", 200)
		g.check = func(context.Context, authn.Request) (authn.Subject, error) {
			return authn.Subject{}, authn.ErrRejected
		}
		g.guess(9, home, "alice")
		g.want(home, "alice", "right", 401)
		time.Sleep(999 * time.Millisecond)
		g.want(home, "alice", "right", 401) // it is the same failure still
		time.Sleep(time.Millisecond)
		g.want(home, "alice", "right", 401) // the wait is over
		time.Sleep(time.Second)
		g.want(home, "alice", "right", 429)
	})
}

func TestASuccessClearsThePair(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		g.guess(9, home, "alice")
		g.want(home, "alice", "right", 200)
		if checked := g.guess(20, home, "alice"); checked != 10 {
			g.Errorf("%d guesses after a success, want 10", checked)
		}
	})
}

// Or the next login of its owner would give a stranger in the network new guesses.
func TestTheSameSuccessAgainClearsNothing(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		checked := 0
		for range 20 {
			g.want(home, "alice", "right", 200)
			checked += g.guess(9, home, "alice")
			time.Sleep(2 * time.Minute)
		}
		if checked > 20 {
			g.Errorf("%d guesses between the logins of the owner", checked)
		}
	})
}

func TestASuccessClearsNothingElse(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		g.guess(10, home, "alice")
		for i := range 89 {
			g.guess(1, home, "user"+strconv.Itoa(i))
		}
		g.want(home, "bob", "right", 200)
		g.want(home, "alice", "wrong", 429)
		g.guess(1, home, "user0")
		g.want(home, "new", "wrong", 429)
	})
}

func TestManyUsersOfOneNetworkLogIn(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		g.check = func(_ context.Context, r authn.Request) (authn.Subject, error) {
			return authn.Subject{Name: r.Username}, nil
		}
		for i := range 500 {
			g.want(home, "user"+strconv.Itoa(i), "right", 200)
		}
	})
}

func TestRepetitionsAreOneFailure(t *testing.T) {
	for name, want := range map[string]error{"alice": authn.ErrRejected, "nobody": authn.ErrNoMatch} {
		guard(t, throttle.Config{}, func(g *guarded) {
			for i := range 10 {
				for range 3 { // POST, GET and another token
					r := request(home, name, authn.Secret(strconv.Itoa(i)))
					if _, err := g.users.Authenticate(g.Context(), r); !errors.Is(err, want) {
						g.Errorf("error %v, want %v", err, want) // a Chain tells them apart
					}
				}
			}
			if n := g.checks.Load(); n != 10 {
				g.Errorf("%d checks of ten passwords, three times each", n)
			}
			g.want(home, name, "10", 429)
			g.want(home, name, "9", 401)
			g.want(other, name, "9", 401)
			g.want(home, name, "8", 429)
			time.Sleep(time.Second)
			g.want(home, name, "9", 401)
			if n := g.checks.Load(); n != 12 {
				g.Errorf("%d checks after a second, want 12", n)
			}
		})
	}
}

// Credentials that are wrong for one service may be right for another.
func TestAnotherServiceIsNoRepetition(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		g.check = func(ctx context.Context, r authn.Request) (authn.Subject, error) {
			if r.Service != "b.test" {
				return authn.Subject{}, authn.ErrRejected
			}
			return known(ctx, r)
		}
		for _, want := range []int{401, 200} {
			r := request(home, "alice", "right")
			r.Service = map[int]string{401: "a.test", 200: "b.test"}[want]
			if status, _ := g.try(r); status != want {
				g.Errorf("for %s: %d, want %d", r.Service, status, want)
			}
		}
	})
}

func TestOtherErrorsCountNothing(t *testing.T) {
	for name, fault := range map[string]func() error{
		"a broken source":    func() error { return errors.New("the database is down") },
		"a busy source":      func() error { return fmt.Errorf("check: %w", password.ErrBusy) },
		"another's context":  func() error { return context.DeadlineExceeded },
		"a panic":            func() error { panic("a bug in the source") },
		"a nameless subject": func() error { return nil },
		"a throttle inside":  func() error { return &throttle.Error{RetryAfter: time.Second} },
	} {
		t.Run(name, func(t *testing.T) {
			guard(t, throttle.Config{}, func(g *guarded) {
				g.guess(9, home, "alice")
				g.check = func(context.Context, authn.Request) (authn.Subject, error) {
					return authn.Subject{}, fault()
				}
				for i := range 300 {
					func() {
						defer func() { _ = recover() }()
						g.try(request(home, "alice", authn.Secret(strconv.Itoa(i))))
					}()
				}
				if n := g.checks.Load(); n != 309 {
					g.Errorf("%d checks, want 309: faults are counted", n)
				}
				g.check = nil
				g.want(home, "alice", "wrong", 401)
				g.want(home, "alice", "wronger", 429)
			})
		})
	}
}

func TestAFaultNeitherProlongsTheWaitNorUsesItUp(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		g.guess(14, home, "alice")
		time.Sleep(time.Second)
		g.check = func(context.Context, authn.Request) (authn.Subject, error) {
			return authn.Subject{}, errors.New("down")
		}
		g.want(home, "alice", "right", 503)
		g.check = nil
		g.want(home, "alice", "right", 200)
	})
}

// onlyConfirmer has one ability alone.
type onlyConfirmer struct{ authn.Func }

func (onlyConfirmer) Confirm(_ context.Context, s authn.Subject) (authn.Subject, error) {
	return s, nil
}

func TestTheAbilitiesOfTheSourceArePassedOn(t *testing.T) {
	directory, ok := throttle.New(&source{}, throttle.Config{}).(authn.Directory)
	if !ok {
		t.Fatal("the throttle of a directory is none")
	}
	if s, err := directory.Lookup(t.Context(), "Alice"); s.Name != "alice" || err != nil {
		t.Errorf("look-up: %+v, %v", s, err)
	}
	confirmer, ok := throttle.New(onlyConfirmer{known}, throttle.Config{}).(authn.Confirmer)
	if !ok {
		t.Fatal("the throttle of a confirmer is none")
	}
	s, err := confirmer.Confirm(t.Context(), authn.Subject{Name: "x", Stamp: "1"})
	if s.Name != "x" || err != nil {
		t.Errorf("confirm: %+v, %v", s, err)
	}
	if _, ok := throttle.New(authn.Func(known), throttle.Config{}).(authn.Directory); ok {
		t.Error("the throttle of a source without abilities is a directory")
	}
}

func TestLoginsWithoutAUserNamePassThrough(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		g.check = func(_ context.Context, r authn.Request) (authn.Subject, error) {
			if r.ClientID != "test" {
				g.Errorf("the source sees %+v", r)
			}
			return authn.Subject{}, authn.ErrNoMatch
		}
		for range 300 {
			r := authn.Request{RemoteAddr: netip.MustParseAddr(home), ClientID: "test"}
			if _, err := g.users.Authenticate(g.Context(), r); !errors.Is(err, authn.ErrNoMatch) {
				g.Fatal(err)
			}
		}
		if n := g.checks.Load(); n != 300 {
			g.Errorf("the source sees %d of 300 requests", n)
		}
	})
}

// Fault 11.
func TestNewPanicsOnMistakes(t *testing.T) {
	store := throttle.NewMemoryStore(1)
	for name, construct := range map[string]func(){
		"no authenticator":    func() { throttle.New(nil, throttle.Config{}) },
		"a store without key": func() { throttle.New(&source{}, throttle.Config{Store: store}) },
		"a store and a short key": func() {
			throttle.New(&source{}, throttle.Config{Store: store, Key: key[1:]})
		},
		"a short key alone": func() { throttle.New(&source{}, throttle.Config{Key: key[1:]}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			construct()
		}()
	}
}

// Too many logins may be under way although none has failed.
func TestTheErrorOfABusyNetworkBlamesNoFailuresAlone(t *testing.T) {
	guard(t, throttle.Config{ChecksPerNetwork: 1}, func(g *guarded) {
		finish := g.block()
		var wg sync.WaitGroup
		wg.Go(func() { g.want(home, "bob", "right", 200) })
		synctest.Wait()
		_, err := g.users.Authenticate(g.Context(), request(home, "alice", "right"))
		refused := (*throttle.Error)(nil)
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "under way") {
			g.Errorf("error %v, want one about logins under way", err)
		}
		finish()
		wg.Wait()
	})
}

// checks of a source that waits until the test lets it answer.
func (g *guarded) block() (finish func()) {
	finished := make(chan struct{})
	g.check = func(ctx context.Context, r authn.Request) (authn.Subject, error) {
		<-finished
		return known(ctx, r)
	}
	return func() { close(finished) }
}

func TestParallelGuessesAreNoMore(t *testing.T) {
	for name, test := range map[string]struct {
		user func(i int) string
		want int
	}{
		"at one account":     {func(int) string { return "alice" }, 10},
		"at a thousand":      {strconv.Itoa, 100},
		"at three spellings": {func(i int) string { return []string{"alice", "ALICE", "Alice"}[i%3] }, 10},
	} {
		t.Run(name, func(t *testing.T) {
			guard(t, throttle.Config{ChecksPerNetwork: 1000}, func(g *guarded) {
				finish := g.block()
				var statuses [1000]int
				var wg sync.WaitGroup
				for i := range statuses {
					guess := authn.Secret("guess" + strconv.Itoa(i))
					wg.Go(func() { statuses[i], _ = g.try(request(home, test.user(i), guess)) })
				}
				synctest.Wait()
				if n := g.checks.Load(); n != int64(test.want) {
					g.Errorf("%d are checked at once, want %d", n, test.want)
				}
				finish()
				wg.Wait()
				count := map[int]int{}
				for _, status := range statuses {
					count[status]++
				}
				want := map[int]int{401: test.want, 429: 1000 - test.want}
				if !maps.Equal(count, want) {
					g.Errorf("answers are %v, want %v", count, want)
				}
			})
		})
	}
}

// With a source that answers at once and real parallelism.
func TestParallelGuessesRace(t *testing.T) {
	for range 20 {
		g := newGuarded(t, throttle.Config{ChecksPerNetwork: 100})
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() { g.guess(10, home, "alice") })
		}
		wg.Wait()
		if n := g.checks.Load(); n < 5 || n > 10 {
			t.Errorf("%d of 160 guesses are checked, want 10", n)
		}
	}
}

// Nodes of a cluster log in at once from the addresses of a /64, with a cache below the throttle.
func TestIdenticalLoginsAreOne(t *testing.T) {
	for name, test := range map[string]struct {
		password     authn.Secret
		atOnce       int
		status, left int
	}{
		"right":                    {"right", 2, 200, 10},
		"right, on a large server": {"right", 64, 200, 10},
		"wrong":                    {"wrong", 2, 401, 9},
		"wrong, on a large server": {"wrong", 64, 401, 9},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &guarded{T: t, source: &source{}}
				g.check = func(ctx context.Context, r authn.Request) (authn.Subject, error) {
					time.Sleep(500 * time.Millisecond) // a costly hash
					return known(ctx, r)
				}
				g.users = throttle.New(authn.Cache(g.source, authn.CacheConfig{}),
					throttle.Config{RefusalDelay: -1, ChecksPerNetwork: test.atOnce})
				var wg sync.WaitGroup
				for i := range 1000 {
					address := fmt.Sprintf("2001:db8::%x", i)
					wg.Go(func() { g.want(address, "alice", test.password, test.status) })
				}
				wg.Wait()
				if n := g.checks.Load(); n != 1 {
					g.Errorf("%d checks of a thousand identical logins, want 1", n)
				}
				if checked := g.guess(20, "2001:db8::1", "alice"); checked != test.left {
					g.Errorf("%d further guesses, want %d", checked, test.left)
				}
			})
		})
	}
}

// Without a cache, one is checked, and then the others at once.
func TestIdenticalLoginsOfASlowSource(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		g.check = func(ctx context.Context, r authn.Request) (authn.Subject, error) {
			time.Sleep(time.Second)
			return known(ctx, r)
		}
		begun := time.Now()
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() { g.want(home, "alice", "right", 200) })
		}
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		wg.Go(func() { g.want(home, "bob", "right", 200) }) // they are no guesses
		wg.Wait()
		if took := time.Since(begun); took != 2500*time.Millisecond {
			g.Errorf("the logins took %v, want 2.5s", took)
		}
	})
}

// A login got the answer of an identical one that had begun before the user was disabled.
func TestALoginAfterAUserWasDisabledIsRejected(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		var disabled atomic.Bool
		answer := make(chan struct{})
		g.check = func(ctx context.Context, r authn.Request) (authn.Subject, error) {
			if disabled.Load() {
				return authn.Subject{}, authn.ErrRejected
			}
			<-answer
			return known(ctx, r)
		}
		var wg sync.WaitGroup
		wg.Go(func() { g.want(home, "alice", "right", 200) })
		synctest.Wait()
		disabled.Store(true)
		wg.Go(func() { g.want(home, "alice", "right", 401) })
		synctest.Wait()
		close(answer)
		wg.Wait()
	})
}

// A login got the answer for another address, client ID or connection, which a source may look at.
func TestTheSourceSeesEachLoginItself(t *testing.T) {
	connection := func(name string) *tls.ConnectionState {
		return &tls.ConnectionState{ServerName: name}
	}
	for name, change := range map[string]func(r *authn.Request){
		"address":    func(r *authn.Request) { r.RemoteAddr = netip.MustParseAddr("2001:db8::2") },
		"client ID":  func(r *authn.Request) { r.ClientID = "podman" },
		"connection": func(r *authn.Request) { r.TLS = connection("other.test") },
		"service":    func(r *authn.Request) { r.Service = "other.test" },
	} {
		t.Run(name, func(t *testing.T) {
			guard(t, throttle.Config{}, func(g *guarded) {
				allowed := request("2001:db8::1", "alice", "right")
				allowed.ClientID, allowed.TLS = "docker", connection("registry.test")
				stolen := allowed
				change(&stolen)
				answer := make(chan struct{})
				g.check = func(_ context.Context, r authn.Request) (authn.Subject, error) {
					<-answer
					if r != allowed {
						return authn.Subject{}, authn.ErrRejected
					}
					return authn.Subject{Name: r.Username}, nil
				}
				var wg sync.WaitGroup
				wg.Go(func() { g.try(allowed) })
				synctest.Wait()
				wg.Go(func() {
					if status, _ := g.try(stolen); status != 401 {
						g.Errorf("stolen credentials: %d, want 401", status)
					}
				})
				synctest.Wait()
				close(answer)
				wg.Wait()
			})
		})
	}
}

// Fault 4: without a cache below, identical wrong passwords filled the queue for password hashes,
// and somebody elsewhere was refused.
func TestAFloodLeavesTheHashLimiterToOthers(t *testing.T) {
	hash, err := password.NewHash("right")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := password.Parse(hash)
	if err != nil {
		t.Fatal(err)
	}
	for name, guess := range map[string]func(i int) authn.Secret{
		"identical passwords": func(int) authn.Secret { return "wrong" },
		"different passwords": func(i int) authn.Secret { return authn.Secret(strconv.Itoa(i)) },
	} {
		t.Run(name, func(t *testing.T) {
			checker := &password.Checker{Concurrency: 1, QueueLength: 4, MaxWait: time.Minute}
			users := throttle.New(authn.Func(
				func(ctx context.Context, r authn.Request) (authn.Subject, error) {
					matches, err := checker.Check(ctx, parsed, r.Password)
					if err == nil && !matches {
						err = authn.ErrRejected
					}
					return authn.Subject{Name: r.Username}, err
				}), throttle.Config{RefusalDelay: -1, ChecksPerNetwork: 2})
			var wg sync.WaitGroup
			defer wg.Wait()
			for i := range 200 {
				wg.Go(func() {
					_, err := users.Authenticate(t.Context(), request(home, "alice", guess(i)))
					if err == nil || errors.Is(err, password.ErrBusy) {
						t.Errorf("a guess of the flood: %v", err)
					}
				})
			}
			for checker.Stats().Compared == 0 {
				time.Sleep(time.Millisecond)
			}
			if _, err := users.Authenticate(t.Context(), request(other, "bob", "right")); err != nil {
				t.Errorf("somebody elsewhere is refused: %v", err)
			}
		})
	}
}

// hangUp logs in as a client that hangs up while the source is asked.
func (g *guarded) hangUp(r authn.Request) error {
	ctx, cancel := context.WithCancel(g.Context())
	defer time.AfterFunc(time.Millisecond, cancel).Stop()
	_, err := g.users.Authenticate(ctx, r)
	return err
}

func hangs(ctx context.Context, _ authn.Request) (authn.Subject, error) {
	<-ctx.Done()
	return authn.Subject{}, ctx.Err()
}

// A client that hangs up cannot take its guess back once the source was asked.
func TestAHangUpIsAFailure(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		g.check = hangs
		for i := range 200 {
			if g.hangUp(request(home, "alice", authn.Secret(strconv.Itoa(i)))) == nil {
				g.Error("no error")
			}
		}
		if n := g.checks.Load(); n != 10 {
			g.Errorf("the source is asked %d times, want 10", n)
		}
	})
}

// A slow source must not refuse those whose credentials were right before.
func TestAHangUpWithRightCredentialsIsNoFailure(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		g.want(home, "alice", "right", 200)
		g.check = hangs
		for range 200 {
			_ = g.hangUp(request(home, "alice", "right"))
		}
		g.check = nil
		g.want(home, "bob", "right", 200)
	})
}

// The server bounds each request. Its deadline locked owners out when the source hung.
func TestAnOutageLocksNobodyOut(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		g.check = hangs
		for i := range 300 {
			ctx, cancel := context.WithTimeout(g.Context(), 10*time.Second)
			name := []string{"alice", "user" + strconv.Itoa(i)}[i%2]
			_, err := g.users.Authenticate(ctx, request(home, name, "right"))
			if !errors.Is(err, context.DeadlineExceeded) {
				g.Fatalf("login %d: %v", i, err)
			}
			cancel()
		}
		g.check = nil
		g.want(home, "alice", "right", 200)
		g.want(home, "bob", "right", 200)
	})
}

// A client that has gone before the source is asked has made no guess.
func TestAHangUpBeforeTheCheckIsNoFailure(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		ctx, cancel := context.WithCancel(g.Context())
		cancel()
		for i := range 50 {
			_, err := g.users.Authenticate(ctx, request(home, "alice", authn.Secret(strconv.Itoa(i))))
			if !errors.Is(err, context.Canceled) {
				g.Errorf("error %v", err)
			}
		}
		if checked := g.guess(20, home, "alice"); checked != 10 || g.checks.Load() != 10 {
			g.Errorf("%d guesses are left, want 10", checked)
		}
	})
}

// An identical login that waits neither inherits a hang-up nor waits longer than its own context.
func TestIdenticalLoginsEndByThemselves(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		g.check = func(ctx context.Context, r authn.Request) (authn.Subject, error) {
			select {
			case <-ctx.Done():
				return authn.Subject{}, ctx.Err()
			case <-time.After(1500 * time.Millisecond):
				return known(ctx, r)
			}
		}
		ctx, hangUp := context.WithCancel(g.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = g.users.Authenticate(ctx, request(home, "alice", "right")) })
		synctest.Wait()
		wg.Go(func() { g.want(home, "alice", "right", 200) })
		impatient, leave := context.WithTimeout(g.Context(), time.Second)
		defer leave()
		_, err := g.users.Authenticate(impatient, request(home, "alice", "right"))
		if !errors.Is(err, context.DeadlineExceeded) {
			g.Errorf("a login whose own context ended: %v", err)
		}
		hangUp()
		wg.Wait()
		if n := g.checks.Load(); n != 2 {
			g.Errorf("the source is asked %d times, want 2", n)
		}
	})
}

// One network with many connections leaves the source to others.
func TestFewChecksForOneNetwork(t *testing.T) {
	guard(t, throttle.Config{ChecksPerNetwork: 4}, func(g *guarded) {
		g.want(home, "bob", "right", 200)
		finish := g.block()
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				status, _ := g.try(request(home, "stranger"+strconv.Itoa(i), "guess"))
				if status != 401 && status != 429 {
					g.Errorf("a guess: %d", status)
				}
			})
		}
		synctest.Wait()
		if n := g.checks.Load(); n != 1+4 {
			g.Errorf("%d are checked at once, want 4", n-1)
		}
		wg.Go(func() { g.want(other, "alice", "right", 200) })
		wg.Go(func() { g.want(home, "bob", "right", 200) }) // it was right lately
		for i := range 10 {                                 // nobody knows whether they are one network
			wg.Go(func() { g.want("", "stranger"+strconv.Itoa(i), "guess", 401) })
		}
		synctest.Wait()
		if n := g.checks.Load(); n != 1+4+2+10 {
			g.Errorf("%d are checked: those from elsewhere wait", n)
		}
		begun := time.Now()
		g.want(home, "alice", "right", 429)
		if took := time.Since(begun); took != 2*time.Second {
			g.Errorf("waited for %v, want 2s", took)
		}
		finish()
		wg.Wait()
		g.check = nil
		g.want(home, "alice", "right", 200) // four of a hundred guesses are used
	})
}

func TestFewChecksForOnePairWithoutAnAddress(t *testing.T) {
	guard(t, throttle.Config{ChecksPerNetwork: 2}, func(g *guarded) {
		finish := g.block()
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() { g.want("", "alice", authn.Secret(strconv.Itoa(i)), 401) })
		}
		synctest.Wait()
		if n := g.checks.Load(); n != 2 {
			g.Errorf("%d are checked at once, want 2", n)
		}
		finish()
		wg.Wait()
	})
}

func TestRefusalsAreDelayed(t *testing.T) {
	for name, test := range map[string]struct{ configured, want time.Duration }{
		"by default":                {0, time.Second},
		"as configured":             {3 * time.Second, 3 * time.Second},
		"not at all":                {-1, 0},
		"a sum that would overflow": {math.MinInt64, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &guarded{T: t, source: &source{}}
				g.users = throttle.New(g.source, throttle.Config{RefusalDelay: test.configured})
				took := func(what string, want time.Duration, login func()) {
					begun := time.Now()
					login()
					if took := time.Since(begun); took != want {
						t.Errorf("%s took %v, want %v", what, took, want)
					}
				}
				took("a right password", 0, func() { g.want(home, "alice", "right", 200) })
				took("a wrong password", 0, func() { g.want(home, "alice", "wrong", 401) })
				took("the same again", test.want, func() { g.want(home, "alice", "wrong", 401) })
				took("nine others", 0, func() { g.guess(9, home, "alice") })
				took("a refusal", test.want, func() { g.want(home, "alice", "another", 429) })
				took("the right password", 0, func() { g.want(home, "alice", "right", 200) })
				g.check = func(context.Context, authn.Request) (authn.Subject, error) {
					time.Sleep(700 * time.Millisecond)
					return authn.Subject{}, errors.New("too busy")
				}
				took("a busy source", max(700*time.Millisecond, test.want), func() {
					g.want(other, "bob", "right", 503)
				})
			})
		})
	}
}

func TestADelayEndsWithItsContext(t *testing.T) {
	guard(t, throttle.Config{RefusalDelay: time.Minute}, func(g *guarded) {
		g.want(home, "alice", "wrong", 401)
		ctx, cancel := context.WithTimeout(g.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		_, _ = g.users.Authenticate(ctx, request(home, "alice", "wrong"))
		if took := time.Since(begun); took != time.Second {
			g.Errorf("delayed by %v, and the client hung up after a second", took)
		}
	})
}

func TestAThousandAreDelayed(t *testing.T) {
	guard(t, throttle.Config{RefusalDelay: time.Second}, func(g *guarded) {
		g.guess(10, home, "alice")
		var wg sync.WaitGroup
		var atOnce atomic.Int64
		begun := time.Now()
		for i := range 1500 {
			wg.Go(func() {
				g.want(home, "alice", authn.Secret(strconv.Itoa(i)), 429)
				if time.Since(begun) == 0 {
					atOnce.Add(1)
				}
			})
		}
		wg.Wait()
		if n := atOnce.Load(); n != 500 {
			g.Errorf("%d of 1500 are answered at once, want 500", n)
		}
	})
}

// Refused logins take no place, or a store could be filled for nothing.
func TestRefusedLoginsTakeNoPlace(t *testing.T) {
	config := throttle.Config{Store: throttle.NewMemoryStore(100), Key: key}
	config.Network.Free = 20
	guard(t, config, func(g *guarded) {
		g.guess(10, other, "alice")
		for i := range 1000 {
			g.guess(1, home, "user"+strconv.Itoa(i))
		}
		g.want(other, "alice", "wrong", 429)
	})
}

func TestConfiguredRules(t *testing.T) {
	config := throttle.Config{Pair: throttle.Rule{
		Free: 3, Window: time.Hour, FirstDelay: 10 * time.Second, MaxDelay: 15 * time.Second,
	}}
	guard(t, config, func(g *guarded) {
		if checked := g.guess(10, home, "alice"); checked != 3 {
			g.Errorf("%d guesses, want 3", checked)
		}
		for _, want := range []time.Duration{10 * time.Second, 15 * time.Second, 15 * time.Second} {
			if _, wait := g.try(request(home, "alice", "wrong")); wait.Round(time.Millisecond) != want {
				g.Errorf("wait %v, want %v", wait, want)
			}
			time.Sleep(want)
			g.guess(1, home, "alice")
		}
		time.Sleep(time.Hour - time.Second)
		if checked := g.guess(10, home, "alice"); checked != 1 {
			g.Errorf("%d guesses within the window, want 1", checked)
		}
		time.Sleep(time.Hour)
		if checked := g.guess(10, home, "alice"); checked != 3 {
			g.Errorf("%d guesses after the window, want 3", checked)
		}
	})
}

// Fault 1: the sum of the window and the delay overflowed, and the throttle was off.
func TestAnInfiniteWindowNeverForgets(t *testing.T) {
	config := throttle.Config{Pair: throttle.Rule{Window: math.MaxInt64, MaxDelay: time.Minute}}
	guard(t, config, func(g *guarded) {
		if checked := g.guess(30, home, "alice"); checked != 10 {
			g.Errorf("%d of 30 guesses, want 10", checked)
		}
		time.Sleep(100 * 365 * 24 * time.Hour)
		if checked := g.guess(30, home, "alice"); checked != 1 {
			g.Errorf("%d of 30 guesses after a century, want 1", checked)
		}
	})
}

// A hundred thousand guesses in two days by somebody who follows each Retry-After, or does not, at
// one account or many: the number that is checked depends on the time alone.
func TestGuessesAreBounded(t *testing.T) {
	const guesses, lasts = 100_000, 48 * time.Hour
	for name, test := range map[string]struct {
		accounts int
		most     int // 20 in each cycle of half an hour, or 110
	}{
		"at one account":       {1, 20 * 2 * 48},
		"at a thousand":        {1000, 110 * 2 * 48},
		"at as many as it can": {math.MaxInt32, 110 * 2 * 48},
	} {
		t.Run(name, func(t *testing.T) {
			guard(t, throttle.Config{}, func(g *guarded) {
				checked := 0
				for range guesses {
					checked += g.guess(1, home, strconv.Itoa(rand.IntN(test.accounts)))
					time.Sleep(time.Duration(rand.Int64N(2 * int64(lasts) / guesses)))
				}
				if checked > test.most || checked < test.most/10 {
					g.Errorf("%d guesses are checked in two days, want at most %d", checked, test.most)
				}
			})
		})
	}
}
