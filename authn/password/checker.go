package password

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

// ErrBusy means that a password was not checked because too many checks are running. It says
// nothing about the password: the response is 503 with Retry-After, never 401.
var ErrBusy = errors.New("too many password checks at once")

// A Checker limits how many passwords are checked at once, so that a flood of logins does not take
// all processors and memory. Further checks wait in a queue, first in, first out.
//
// A check that fails, as any with a [Decoy] does, blocks its slot for a cool-down of twice its
// duration, one second at most. So wrong passwords use a third of the processor time, or more with
// hashes above 500 ms. A flood still delays right ones: put package throttle in front.
//
// The zero value is ready to use. All sources of users of a process should share one Checker, since
// they share the processors. It is safe for concurrent use. Do not copy it, and do not change its
// fields after the first use.
type Checker struct {
	// Concurrency is how many checks run at once. The default is GOMAXPROCS-1, and at least one.
	Concurrency int
	// QueueLength is how many checks may wait. More are refused at once. The default is 64. If it
	// is negative, none may wait.
	QueueLength int
	// MaxWait is how long a check waits before it is refused. The default is two seconds. Here and
	// for Concurrency, zero and less mean the default.
	MaxWait time.Duration

	once  sync.Once
	slots chan struct{} // a semaphore; each value is a check or a cool-down

	running, waiting  atomic.Int64
	compared, refused atomic.Uint64
}

const maxCoolDown = time.Second

// Check reports whether the hash is that of the password. It does the same work for every password,
// but returns false at once for one of an invalid length, whatever the hash, and for the zero Hash.
//
// The error wraps [ErrBusy] when no check was made because of the limits or because ctx is done,
// and then also the error of ctx. A check that has begun is not interrupted.
func (c *Checker) Check(
	ctx context.Context, hash Hash, password authn.Secret,
) (matches bool, err error) {
	if !acceptableLength(password) || hash.scheme == nil {
		return false, nil
	}
	if err := c.acquire(ctx); err != nil {
		c.refused.Add(1)
		return false, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	c.running.Add(1)
	c.compared.Add(1)
	coolDown, began := time.Duration(0), time.Now()
	defer func() { c.release(coolDown) }() // also after a panic
	if matches = hash.scheme.matches(string(password)); !matches {
		coolDown = min(2*time.Since(began), maxCoolDown)
	}
	return matches, nil
}

// acquire waits for a slot. The runtime serves the senders that wait for a channel in order.
func (c *Checker) acquire(ctx context.Context) error {
	c.once.Do(func() {
		concurrency := cmp.Or(max(0, c.Concurrency), max(1, runtime.GOMAXPROCS(0)-1))
		c.slots = make(chan struct{}, concurrency)
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case c.slots <- struct{}{}:
		return nil
	default:
	}
	defer c.waiting.Add(-1)
	if c.waiting.Add(1) > int64(cmp.Or(c.QueueLength, 64)) {
		return errors.New("the queue is full")
	}
	maxWait := cmp.Or(max(0, c.MaxWait), 2*time.Second)
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return fmt.Errorf("waited %v", maxWait)
	}
}

func (c *Checker) release(coolDown time.Duration) {
	c.running.Add(-1)
	if coolDown == 0 {
		<-c.slots
		return
	}
	time.AfterFunc(coolDown, func() { <-c.slots })
}

// Stats are counters of a [Checker], for metrics and tests.
type Stats struct {
	Running  int    // checks that are running, without cool-downs
	Waiting  int    // checks in the queue
	Compared uint64 // checks that were started, in total; an invalid length starts none
	Refused  uint64 // errors that wrap ErrBusy, in total; that includes a ctx that is done
}

// Stats returns the current counters.
func (c *Checker) Stats() Stats {
	return Stats{
		Running: int(c.running.Load()), Waiting: int(c.waiting.Load()),
		Compared: c.compared.Load(), Refused: c.refused.Load(),
	}
}
