package throttle

import (
	"fmt"
	"math"
	"time"
)

// A Rule says how many failures are free, and how long the wait after more of them is. A field that
// is zero has its default. Sums do not overflow: a Window of math.MaxInt64 never forgets.
type Rule struct {
	// Free is how many failures have no consequence. The default is 10 for a pair and 100 for a
	// network.
	Free int
	// Window is the time without failures after which a count is forgotten, or MaxDelay if that is
	// longer. The default is 15 minutes.
	Window time.Duration
	// FirstDelay is the wait after the last free failure. It doubles with each further failure, up
	// to MaxDelay. The defaults are one second and 15 minutes.
	FirstDelay, MaxDelay time.Duration
}

// An Error refuses a login because of earlier failures. It says nothing about the credentials.
type Error struct {
	// RetryAfter is how long the client should wait. It is one second or more.
	RetryAfter time.Duration
}

// Error says how long to wait.
func (e *Error) Error() string {
	return fmt.Sprintf("too many failed logins: retry after %v", e.RetryAfter)
}

func (r Rule) withDefaults(free int) Rule {
	if r.Free <= 0 {
		r.Free = free
	}
	if r.Window <= 0 {
		r.Window = 15 * time.Minute
	}
	if r.FirstDelay <= 0 {
		r.FirstDelay = time.Second
	}
	if r.MaxDelay <= 0 {
		r.MaxDelay = 15 * time.Minute
	}
	return r
}

// times returns the rule with n times as many free failures.
func (r Rule) times(n int) Rule {
	if r.Free > math.MaxInt/n {
		r.Free = math.MaxInt
		return r
	}
	r.Free *= n
	return r
}

// forget is the time after the last failure at which a count is forgotten.
func (r Rule) forget() time.Duration { return max(r.Window, r.MaxDelay) }

// maxSkew is how far the clocks of replicas may differ. A failure later than that was counted
// before the clock was set back, and nobody waits for it.
const maxSkew = 5 * time.Minute

// wait returns how long a login has to wait, given the count and the number of logins under way,
// each of which may still fail.
func (r Rule) wait(c Count, underWay int, now time.Time) time.Duration {
	failures, elapsed := c.Failures, now.Sub(c.Last)
	if elapsed >= r.forget() || elapsed < -maxSkew {
		failures = 0
	}
	if underWay > 0 {
		failures, elapsed = max(failures, failures+underWay), 0
	}
	return max(0, r.delay(failures)-max(0, elapsed))
}

// delay returns the wait after so many failures.
func (r Rule) delay(failures int) time.Duration {
	if failures < r.Free {
		return 0
	}
	delay := min(r.FirstDelay, r.MaxDelay)
	for range failures - r.Free {
		if delay > r.MaxDelay/2 {
			return r.MaxDelay
		}
		delay *= 2
	}
	return delay
}
