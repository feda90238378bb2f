package authn

import "time"

// A ThrottleRule says how many failures are free, and how long one waits after more of them. A field that is zero has the
// default of its place in [ThrottleConfig].
type ThrottleRule struct {
	// Free is how many failures within Window have no consequence.
	Free   int
	Window time.Duration
	// FirstDelay is the time to wait after the last free failure. It doubles with each one that follows, up to MaxDelay.
	// When no failure has followed for Window after the wait was over, all are forgotten.
	FirstDelay, MaxDelay time.Duration
}

func (r ThrottleRule) withDefaults(defaults ThrottleRule) ThrottleRule {
	if r.Free <= 0 {
		r.Free = defaults.Free
	}
	if r.Window <= 0 {
		r.Window = defaults.Window
	}
	if r.FirstDelay <= 0 {
		r.FirstDelay = defaults.FirstDelay
	}
	if r.MaxDelay <= 0 {
		r.MaxDelay = defaults.MaxDelay
	}
	return r
}

// keep is how long a state can matter.
func (r ThrottleRule) keep() time.Duration { return r.MaxDelay + r.Window }

// delay is the time between so many failures and the next attempt.
func (r ThrottleRule) delay(failures int) time.Duration {
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

// wait is what is left of the delay.
func (r ThrottleRule) wait(s *ThrottleState, now time.Time) time.Duration {
	return s.Last.Add(r.delay(s.Failures)).Sub(now)
}

// refresh brings a state to the present: failures that are over are forgotten, and none is in the future.
func (r ThrottleRule) refresh(s *ThrottleState, now time.Time) {
	// The clock was set back, by an hour perhaps. The wait begins anew from now, and is not longer by that hour.
	if ahead := s.Last.Sub(now); s.Failures > 0 && ahead > 0 {
		s.First, s.Last = s.First.Add(-ahead), now
	}
	over := now.Sub(s.First) >= r.Window
	if delay := r.delay(s.Failures); delay > 0 {
		over = now.Sub(s.Last) >= delay+r.Window
	}
	if over {
		*s = ThrottleState{Appointment: s.Appointment}
	}
}

// charge counts a failure, which the attempt is until it is known to be something else.
func charge(s *ThrottleState, now time.Time) {
	if s.Failures == 0 {
		s.First = now
	}
	s.Failures++
	if s.Last.Before(now) {
		s.Last = now
	}
}

// refund takes the failure back that was counted at that time, when last was the one before.
func refund(s *ThrottleState, counted, last time.Time) {
	if s.Failures <= 1 {
		*s = ThrottleState{}
		return
	}
	s.Failures--
	if s.Last.Equal(counted) {
		s.Last = last
	}
}
