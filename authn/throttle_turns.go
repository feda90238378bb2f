package authn

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// turns lets a few logins of one address be checked at once, while others of that address wait. Passwords are checked first come,
// first served, with a short queue: one address with many connections would fill it, and leave no place to newcomers from elsewhere.
type turns struct {
	atOnce int

	mu    sync.Mutex
	lines map[ThrottleKey]*line // of addresses that have somebody in it
}

type line struct {
	places chan struct{}
	people int
}

// turnWait is as long as package password lets a check wait.
const turnWait = 2 * time.Second

func newTurns(atOnce int) *turns {
	return &turns{atOnce: atOnce, lines: make(map[ThrottleKey]*line)}
}

// take waits for a place, which leave gives back. The error is a *[ThrottledError] for who has waited for too long, or that of ctx.
func (t *turns) take(ctx context.Context, address ThrottleKey) (leave func(), err error) {
	l := t.join(address)
	timer := time.NewTimer(turnWait)
	defer timer.Stop()
	select {
	case l.places <- struct{}{}:
		return func() { <-l.places; t.part(address, l) }, nil
	case <-timer.C:
		err = &ThrottledError{RetryAfter: time.Second}
	case <-ctx.Done():
		err = ctx.Err()
	}
	t.part(address, l)
	return nil, fmt.Errorf("wait for other logins from the address: %w", err)
}

func (t *turns) join(address ThrottleKey) *line {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lines[address]
	if l == nil {
		l = &line{places: make(chan struct{}, t.atOnce)}
		t.lines[address] = l
	}
	l.people++
	return l
}

func (t *turns) part(address ThrottleKey, l *line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.people--; l.people == 0 {
		delete(t.lines, address)
	}
}
