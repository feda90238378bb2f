package throttle

import (
	"context"
	"fmt"
	"time"
)

// begin notes until end that the source is asked about these keys. It returns how often it was
// being asked about each already.
func (t *throttle) begin(keys []Key) (before []int, end func()) {
	for _, key := range keys {
		n := t.asking.Update(key.Hash, func(n int) int { return n + 1 })
		before = append(before, n-1)
	}
	return before, func() {
		for _, key := range keys {
			t.asking.Update(key.Hash, func(n int) int { return n - 1 })
			t.asking.Remove(key.Hash, func(n int) bool { return n <= 0 })
		}
	}
}

// acquire waits until few enough logins of the smallest network are checked, for as long as package
// password lets a check wait.
func (t *throttle) acquire(ctx context.Context, networks []Key) (release func(), err error) {
	if len(networks) == 0 {
		return func() {}, nil // an unknown address
	}
	semaphore := t.checks.Update(networks[0].Hash, func(s chan struct{}) chan struct{} {
		if s == nil {
			s = make(chan struct{}, t.config.ChecksPerNetwork)
		}
		return s
	})
	select {
	case semaphore <- struct{}{}:
		return func() { <-semaphore }, nil
	case <-time.After(2 * time.Second):
		return nil, &Error{RetryAfter: time.Second}
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for other logins of the network: %w", ctx.Err())
	}
}

// guesses are different logins that were compared with the right credentials of a pair.
type guesses struct {
	number int
	last   [8]byte
	since  time.Time
}

const maxGuesses = 1000 // in a quarter of an hour

// compare reports whether an attempt has the right credentials of its pair, unless too many others
// were compared with them. A program that repeats an old password makes one guess.
func (t *throttle) compare(a *attempt) bool {
	matches, now := a.pair.Right == a.proof, time.Now()
	made := t.guesses.Update(a.keys[0].Hash, func(g guesses) guesses {
		if now.Sub(g.since).Abs() >= 15*time.Minute {
			g = guesses{since: now}
		}
		if !matches && g.last != a.proof {
			g.number, g.last = g.number+1, a.proof
		}
		return g
	})
	return matches && made.number <= maxGuesses
}

// delay lets an answer take a least time, unless many are delayed already: each one delayed keeps a
// goroutine and a connection.
func (t *throttle) delay(ctx context.Context, arrived time.Time) {
	select {
	case t.delayed <- struct{}{}:
		defer func() { <-t.delayed }()
	default:
		return
	}
	select {
	case <-time.After(t.config.RefusalDelay - time.Since(arrived)):
	case <-ctx.Done():
	}
}
