package faults

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/throttle"
	"github.com/berthpass/registry-auth/examples/internal/testkit"
	"github.com/berthpass/registry-auth/token/refresh"
)

// A clock shows what it is set to.
type clock struct{ atomic.Int64 }

// clockStart is what a clock shows before the first step.
var clockStart = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

func newClock() *clock {
	c := new(clock)
	c.Store(clockStart.UnixNano())
	return c
}

func (c *clock) now() time.Time       { return time.Unix(0, c.Load()).UTC() }
func (c *clock) skew() time.Duration  { return c.now().Sub(clockStart) }
func (c *clock) step(d time.Duration) { c.Add(int64(d)) }

// newClockFixture has everything in it that looks at a clock, with one that can be set. The cache
// measures durations, which setting a clock does not change.
func newClockFixture(t *testing.T) (*fixture, *clock) {
	t.Helper()
	c, users := newClock(), newUsers(t)
	f := newFixture(t, users, policy(), func(cfg *auth.Config) {
		key := authn.Secret(strings.Repeat("k", 32))
		cfg.Authenticator = throttle.New(authn.Cache(users, authn.CacheConfig{}), throttle.Config{
			RefusalDelay: -1, Store: skewedThrottle{throttle.NewMemoryStore(0), c}, Key: key,
		})
		cfg.RefreshTokens = testkit.Must(refresh.New(refresh.Config{
			Store: skewedTokens{refresh.NewMemoryStore(), c}, Key: key,
		}))(t)
		cfg.Services = auth.ServiceMap{serviceName: newIssuer(t, c.now)}
	})
	return f, c
}

const year = 365 * 24 * time.Hour

// TestClockSteps: a clock that is set while the server runs refuses nobody, shortens no token, and
// revives nothing that had ended.
func TestClockSteps(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]time.Duration{
		"an hour back":                   {-time.Hour},
		"an hour on":                     {time.Hour},
		"an hour on, and back again":     {time.Hour, -time.Hour},
		"an hour back, and on again":     {-time.Hour, time.Hour},
		"ten years back, and on again":   {-10 * year, 10 * year},
		"by half a minute, to and fro":   {30 * time.Second, -30 * time.Second, 30 * time.Second},
		"by about a minute, to and fro":  {61 * time.Second, -61 * time.Second, 59 * time.Second},
		"by a nanosecond less than none": {-1, 1, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, c := newClockFixture(t)
			refreshToken := f.login(alice).want(http.StatusOK, "").body.RefreshToken
			for i, step := range append(steps, 0) {
				c.step(step)
				now := c.now()
				for _, a := range []*answer{f.get(alice, "repository:alice/app:pull"), f.refresh(refreshToken, "repository:alice/app:pull")} {
					a.want(http.StatusOK, "")
					if got := f.granted(a); got != "repository:alice/app:pull" { // which checks iat, nbf and exp
						t.Errorf("step %d: granted %q", i, got)
					}
					claims := testkit.Must(testkit.Must(f.issuer.Verifier(serviceName))(t).Verify(a.body.Token))(t)
					if claims.ExpiresAt.Before(now.Add(time.Minute)) {
						t.Errorf("step %d: at %v a token until %v", i, now, claims.ExpiresAt)
					}
				}
			}
			f.get("alice:wrong", "").want(http.StatusUnauthorized, "UNAUTHORIZED")
		})
	}
}

// TestClockStepsWhileThrottled: nobody waits for an hour. A step back of a minute looks like the
// clock of another server, so the wait is longer by that minute.
func TestClockStepsWhileThrottled(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]time.Duration{
		"a minute back": -time.Minute, "an hour back": -time.Hour, "an hour on": time.Hour,
		"ten years back": -10 * year,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, c := newClockFixture(t)
			f.get(alice, "").want(http.StatusOK, "")
			for i := range 10 {
				f.get("bob:wrong"+strconv.Itoa(i), "").want(http.StatusUnauthorized, "UNAUTHORIZED")
			}
			throttled := f.get(bob, "").want(http.StatusTooManyRequests, "TOOMANYREQUESTS")
			refused := &throttle.Error{RetryAfter: time.Second}
			f.wantAudit(http.StatusTooManyRequests, refused.Error())
			if throttled.retryAfter != "1" {
				t.Errorf("Retry-After is %q", throttled.retryAfter)
			}
			c.step(step)
			if step == -time.Minute {
				again := f.get(bob, "").want(http.StatusTooManyRequests, "TOOMANYREQUESTS")
				if again.retryAfter != "1" {
					t.Errorf("after the step Retry-After is %q", again.retryAfter)
				}
				c.step(time.Minute + time.Second)
			}
			f.get(bob, "").want(http.StatusOK, "")
			f.get(alice, "").want(http.StatusOK, "") // all the time
			c.step(-step)
			f.get(bob, "").want(http.StatusOK, "")
		})
	}
}

// TestClockStepsPastARefreshToken: what has ended stays so for as long as the clock is right, and a
// clock that is wrong for a while ends nothing that has not.
func TestClockStepsPastARefreshToken(t *testing.T) {
	t.Parallel()
	f, c := newClockFixture(t)
	refreshToken := f.login(alice).want(http.StatusOK, "").body.RefreshToken
	const idleLifetime = 30 * 24 * time.Hour // the default
	c.step(idleLifetime)
	f.refresh(refreshToken, "").want(http.StatusUnauthorized, "UNAUTHORIZED")
	f.wantAudit(http.StatusUnauthorized, refresh.ErrInvalid.Error())
	c.step(-idleLifetime) // it was the clock
	f.refresh(refreshToken, "").want(http.StatusOK, "")
}
