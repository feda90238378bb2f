package password

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

// ErrBusy means that a password was not checked because too many others are. It says nothing about the password: the answer
// is 503 with Retry-After, never 401.
var ErrBusy = errors.New("too many password checks at once")

// A Checker compares passwords with hashes, a few at a time, so that a flood of logins neither takes all processors from other
// requests nor piles up. Those that have to wait are served in the order in which they came. After a wrong password nothing is
// compared in its place for twice as long as the comparison took, a second at most: right ones have all of Concurrency, and a
// flood of wrong ones a third of it. Otherwise it would have half of a machine with two processors.
//
// The zero value is ready to use, and a good choice. A process should have one Checker that all its sources of users share,
// since the processors are shared as well. It is safe for concurrent use, must not be copied, and its fields must not be
// changed once it is in use.
type Checker struct {
	// Concurrency is how many comparisons run at once. The default is one less than GOMAXPROCS, and at least one.
	Concurrency int
	// QueueLength is how many may wait; more are refused at once. The default is 64. A negative one lets nobody wait.
	QueueLength int
	// MaxWait is how long one waits before it is refused. The default is two seconds.
	MaxWait time.Duration

	mu                sync.Mutex
	queue             []turn
	running, resting  int // those that rest run too
	compared, refused uint64
}

// A turn is a place in the queue. It is closed when the comparison may run.
type turn chan struct{}

const (
	defaultQueueLength = 64
	defaultMaxWait     = 2 * time.Second
	maxRest            = time.Second
)

// Check reports whether the password is the one that the hash was made of. It takes the same time for every password, except
// that an empty one and one longer than [maxLength] match nothing at once, whatever the hash.
//
// The error wraps [ErrBusy] when the comparison was not begun, because of the bounds of the Checker or because ctx is done; then
// it wraps ctx's error too. A comparison that has begun runs to its end.
func (c *Checker) Check(ctx context.Context, hash Hash, password authn.Secret) (matches bool, err error) {
	if !acceptableLength(password) || hash.scheme == nil {
		return false, nil
	}
	if err := c.acquire(ctx); err != nil {
		return false, err
	}
	begun, rest := time.Now(), time.Duration(0)
	defer func() { c.releaseAfter(rest) }()
	if matches = hash.scheme.matches(string(password)); !matches {
		rest = min(2*time.Since(begun), maxRest)
	}
	return matches, nil
}

// Stats are figures about a [Checker], for metrics and for tests.
type Stats struct {
	Running  int    // comparisons that run now
	Waiting  int    // comparisons that wait now
	Compared uint64 // comparisons begun since the start
	Refused  uint64 // comparisons refused with ErrBusy since the start
}

// Stats returns the figures as they are now.
func (c *Checker) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{Running: c.running - c.resting, Waiting: len(c.queue), Compared: c.compared, Refused: c.refused}
}

// acquire waits until a comparison may run. Each success must be followed by a release.
func (c *Checker) acquire(ctx context.Context) error {
	mine, err := c.enter(ctx)
	if mine == nil {
		return err
	}
	timer := time.NewTimer(c.maxWait())
	defer timer.Stop()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
		return c.leave(mine, ctx.Err())
	case <-timer.C:
		return c.leave(mine, fmt.Errorf("waited %v", c.maxWait()))
	}
}

// enter returns a place in the queue, or nil when the comparison may run at once or is refused.
func (c *Checker) enter(ctx context.Context) (turn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return nil, c.refuse(ctx.Err())
	case c.running < c.concurrency():
		c.running++
		c.compared++
		return nil, nil
	case len(c.queue) >= c.queueLength():
		return nil, c.refuse(errors.New("the queue is full"))
	}
	mine := make(turn)
	c.queue = append(c.queue, mine)
	return mine, nil
}

// leave gives a place in the queue up. When its turn came at the same moment, that counts.
func (c *Checker) leave(mine turn, reason error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.queue, mine)
	if i < 0 {
		return nil
	}
	c.queue = slices.Delete(c.queue, i, i+1)
	return c.refuse(reason)
}

// releaseAfter is release, when the place has rested.
func (c *Checker) releaseAfter(rest time.Duration) {
	if rest <= 0 {
		c.release()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resting++
	time.AfterFunc(rest, func() {
		c.mu.Lock()
		c.resting--
		c.mu.Unlock()
		c.release()
	})
}

// release lets the one who waits longest run.
func (c *Checker) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		c.running--
		return
	}
	close(c.queue[0])
	c.queue = slices.Delete(c.queue, 0, 1)
	c.compared++
}

func (c *Checker) refuse(reason error) error {
	c.refused++
	return fmt.Errorf("%w: %w", ErrBusy, reason)
}

func (c *Checker) concurrency() int {
	if c.Concurrency > 0 {
		return c.Concurrency
	}
	return max(1, runtime.GOMAXPROCS(0)-1)
}

func (c *Checker) queueLength() int {
	if c.QueueLength == 0 {
		return defaultQueueLength
	}
	return c.QueueLength
}

func (c *Checker) maxWait() time.Duration {
	if c.MaxWait > 0 {
		return c.MaxWait
	}
	return defaultMaxWait
}
