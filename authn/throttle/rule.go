package throttle

import (
	"cmp"
	"fmt"
	"math"
	"time"
)

// A Rule says after how many failures logins are refused, and for how long. Fields that are not
// positive have their defaults.
type Rule struct {
	// Free is the number of failures after which logins are refused, by default 10 of a pair and
	// 100 of a network; math.MaxInt never refuses.
	Free int
	// Window is how long after the last one failures are forgotten, and at least MaxDelay. The
	// default is 15 minutes; math.MaxInt64 never forgets.
	Window time.Duration
	// FirstDelay is how long they are refused, by default one second. It doubles with each further
	// failure up to MaxDelay, by default 15 minutes.
	FirstDelay, MaxDelay time.Duration
}

// An Error refuses a login unchecked: after failures, or while too many logins are under way.
type Error struct {
	// RetryAfter is how long the client has to wait, at least one second.
	RetryAfter time.Duration
}

func (e *Error) Error() string {
	return fmt.Sprintf("too many logins failed or are under way: retry after %v", e.RetryAfter)
}

// withDefaults returns the rule with times as many free failures.
func (r Rule) withDefaults(free, times int) Rule {
	r.Free = min(cmp.Or(max(0, r.Free), free), math.MaxInt/times) * times
	r.FirstDelay = cmp.Or(max(0, r.FirstDelay), time.Second)
	r.MaxDelay = cmp.Or(max(0, r.MaxDelay), 15*time.Minute)
	r.Window = max(r.MaxDelay, cmp.Or(max(0, r.Window), 15*time.Minute))
	return r
}

// wait returns how long a login has to wait, when so many others under way may still fail.
func (r Rule) wait(c Count, underWay int, now time.Time) time.Duration {
	failures, elapsed := min(c.Failures, math.MaxInt/2), now.Sub(c.Last)
	// A failure further ahead than clocks of replicas differ was counted before one was set back.
	if elapsed >= r.Window || elapsed < -5*time.Minute {
		failures = 0
	}
	if underWay > 0 {
		failures, elapsed = failures+underWay, 0
	}
	if failures < r.Free {
		return 0
	}
	delay := r.MaxDelay
	if doublings := failures - r.Free; r.FirstDelay <= r.MaxDelay>>doublings {
		delay = r.FirstDelay << doublings
	}
	return max(0, delay-max(0, elapsed))
}
