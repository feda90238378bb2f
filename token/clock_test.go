package token_test

import (
	"sync"
	"time"
)

// clock is a clock that stands still until it is told not to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// newClock begins now, in whole seconds, since certificates are checked against the real time.
func newClock() *clock { return &clock{now: time.Now().UTC().Truncate(time.Second)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

func (c *clock) Advance(d time.Duration) { c.Set(c.Now().Add(d)) }
