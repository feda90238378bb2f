package faults

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token"
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

// countedUsers counts the password checks.
type countedUsers struct {
	faultyUsers

	checks atomic.Int64
}

func (u *countedUsers) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	if r.Username != "" {
		u.checks.Add(1)
	}
	return u.faultyUsers.Authenticate(ctx, r)
}

// newClockFixture has everything in it that looks at a clock, with one that can be set.
func newClockFixture(t *testing.T) (*fixture, *clock, *countedUsers) {
	t.Helper()
	c, users := newClock(), &countedUsers{faultyUsers: faultyUsers{users: newUsers(t)}}
	f := newFixture(t, users, policy(), func(cfg *auth.Config) {
		cfg.Authenticator = authn.Throttle(authn.Cache(users, authn.CacheConfig{Now: c.now}), authn.ThrottleConfig{Now: c.now, Hold: -1})
		cfg.RefreshTokens = must(refresh.New(refresh.Config{Store: refresh.NewMemoryStore(), Now: c.now}))(t)
		cfg.Services = map[string]auth.Issuer{serviceName: newIssuer(t, c.now)}
	})
	return f, c, users
}

const year = 365 * 24 * time.Hour

// TestClockSteps: a clock that is set while the server runs refuses nobody, shortens no token, and revives nothing that had ended.
func TestClockSteps(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]time.Duration{
		"an hour back":                   {-time.Hour},
		"an hour on":                     {time.Hour},
		"an hour on, and back again":     {time.Hour, -time.Hour},
		"an hour back, and on again":     {-time.Hour, time.Hour},
		"ten years back, and on again":   {-10 * year, 10 * year},
		"by half a minute, to and fro":   {30 * time.Second, -30 * time.Second, 30 * time.Second},
		"past the minute of the cache":   {61 * time.Second, -61 * time.Second, 59 * time.Second},
		"by a nanosecond less than none": {-1, 1, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, c, users := newClockFixture(t)
			refreshToken := f.login(alice).want(http.StatusOK, "").body.RefreshToken
			checkedAt, latest := c.now(), c.now()
			for i, step := range append(steps, 0) {
				c.step(step)
				now, before := c.now(), users.checks.Load()
				for _, a := range []*answer{f.get(alice, "repository:alice/app:pull"), f.refresh(refreshToken, "repository:alice/app:pull")} {
					a.want(http.StatusOK, "")
					if got := f.granted(a); got != "repository:alice/app:pull" { // which checks iat, nbf and exp
						t.Errorf("step %d: granted %q", i, got)
					}
					claims := must(must(f.issuer.Verifier(serviceName))(t).Verify(a.body.Token))(t)
					if claims.ExpiresAt.Before(now.Add(time.Minute)) {
						t.Errorf("step %d: at %v a token until %v", i, now, claims.ExpiresAt)
					}
				}
				if age := now.Sub(checkedAt); age < 0 || age >= time.Minute || now.Before(latest) {
					if users.checks.Load() == before {
						t.Errorf("step %d: a check of %v counts at %v, after %v was seen", i, checkedAt, now, latest)
					}
					checkedAt = now
				}
				latest = now
			}
			f.get("alice:wrong", "").want(http.StatusUnauthorized, "UNAUTHORIZED")
		})
	}
}

// TestClockStepsWhileThrottled: nobody waits an hour for it.
func TestClockStepsWhileThrottled(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]time.Duration{"an hour back": -time.Hour, "an hour on": time.Hour, "ten years back": -10 * year} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, c, _ := newClockFixture(t)
			f.get(alice, "").want(http.StatusOK, "")
			for i := range 10 {
				f.get("bob:wrong"+strconv.Itoa(i), "").want(http.StatusUnauthorized, "UNAUTHORIZED")
			}
			throttled := f.get(bob, "").want(http.StatusTooManyRequests, "TOOMANYREQUESTS")
			f.wantAudit(http.StatusTooManyRequests, authn.ErrThrottled.Error())
			if throttled.retryAfter != "1" {
				t.Errorf("Retry-After is %q", throttled.retryAfter)
			}
			c.step(step)
			if step < 0 {
				if again := f.get(bob, "").want(http.StatusTooManyRequests, "TOOMANYREQUESTS"); again.retryAfter != "1" {
					t.Errorf("after the step Retry-After is %q", again.retryAfter)
				}
				c.step(time.Second)
			}
			f.get(bob, "").want(http.StatusOK, "")
			f.get(alice, "").want(http.StatusOK, "") // all the time
			c.step(-step)
			f.get(bob, "").want(http.StatusOK, "")
		})
	}
}

// TestClockStepsPastARefreshToken: what has ended stays so for as long as the clock is right, and a clock that is wrong for a
// while ends nothing that has not.
func TestClockStepsPastARefreshToken(t *testing.T) {
	t.Parallel()
	f, c, _ := newClockFixture(t)
	refreshToken := f.login(alice).want(http.StatusOK, "").body.RefreshToken
	c.step(token.DefaultRefreshIdleLifetime)
	f.refresh(refreshToken, "").want(http.StatusUnauthorized, "UNAUTHORIZED")
	f.wantAudit(http.StatusUnauthorized, refresh.ErrInvalid.Error())
	c.step(-token.DefaultRefreshIdleLifetime) // it was the clock
	f.refresh(refreshToken, "").want(http.StatusOK, "")
}
