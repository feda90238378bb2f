package auth

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A deadline is [context.WithDeadline] that is made when somebody waits for its end. Nobody does where users, rules and key are in
// memory, and that saves a timer, a channel and a place among the parent's children: half a microsecond. If the time has passed and the
// client has left before anybody looks, the error is the client's, whichever was first.
type deadline struct {
	context.Context //nolint:containedctx // the request's, of which this is one

	at time.Time

	mu     sync.Mutex
	made   context.Context //nolint:containedctx // or nil
	cancel context.CancelFunc
	over   bool
}

func newDeadline(parent context.Context, at time.Time) *deadline {
	return &deadline{Context: parent, at: at}
}

// Deadline implements [context.Context].
func (d *deadline) Deadline() (time.Time, bool) {
	if at, ok := d.Context.Deadline(); ok && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

// Done implements [context.Context].
func (d *deadline) Done() <-chan struct{} { return d.timed().Done() }

// Err implements [context.Context].
func (d *deadline) Err() error {
	d.mu.Lock()
	going := d.made == nil && !d.over && d.Context.Err() == nil && time.Now().Before(d.at)
	d.mu.Unlock()
	if going {
		return nil
	}
	return d.timed().Err()
}

// Value implements [context.Context]. Contexts that are made of this one find by it what they wait for.
func (d *deadline) Value(key any) any {
	d.mu.Lock()
	made := d.made
	d.mu.Unlock()
	if made != nil {
		return made.Value(key)
	}
	return d.Context.Value(key)
}

// String keeps fmt from reading the fields while they change.
func (d *deadline) String() string { return fmt.Sprintf("%v.WithDeadline(%v)", d.Context, d.at) }

// end is what the function of [context.WithDeadline] is.
func (d *deadline) end() {
	d.mu.Lock()
	d.over = true
	cancel := d.cancel
	d.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// timed returns what has a channel and a timer, of which this context takes its end from now on.
func (d *deadline) timed() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.made != nil:
	case d.over:
		d.made, d.cancel = context.WithCancel(d.Context)
		d.cancel()
	default:
		d.made, d.cancel = context.WithDeadline(d.Context, d.at)
	}
	return d.made
}
