package load

import (
	"context"
	"sync/atomic"
	"time"
)

// A schedule is when the requests of an open loop are due. The n-th is due at a time that does not depend on the answers to those
// before: otherwise a server that stalls would not be asked while it does, and few requests would tell of it. (Gil Tene calls
// that coordinated omission.)
type schedule struct {
	begun, end time.Time
	rate       float64 // in a second; 0 is a closed loop
	next       atomic.Uint64
}

// wait returns when the next request was due. Without a rate that is now. It is false when ctx ended before.
func (s *schedule) wait(ctx context.Context) (time.Time, bool) {
	if s.rate == 0 {
		return time.Now(), ctx.Err() == nil
	}
	due := s.begun.Add(s.after(s.next.Add(1) - 1))
	return due, sleep(ctx, time.Until(due)) && due.Before(s.end)
}

func (s *schedule) after(n uint64) time.Duration {
	return time.Duration(float64(n) / s.rate * float64(time.Second))
}

// due is how many requests were due between two times.
func (s *schedule) due(from, to time.Time) uint64 {
	if s.rate == 0 || to.Before(from) {
		return 0
	}
	return uint64(to.Sub(from).Seconds() * s.rate)
}

// sleep is false when ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
