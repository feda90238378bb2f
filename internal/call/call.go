// Package call lets concurrent callers share one call.
package call

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// A Group is a set of calls under way. Unlike singleflight, a call runs in the goroutine and with
// the context of its first caller, so that a panic is that caller's, and no caller waits longer
// than its own context lasts. The zero Group is ready to use, and safe for concurrent use.
type Group[K comparable, V any] struct {
	mu    sync.Mutex
	calls map[K]*call[V]
}

type call[V any] struct {
	done chan struct{}

	// These are set before done is closed.
	value     V
	abandoned bool
	err       error
}

// Do calls do, unless a call with the same key is under way: then it waits for that result. When
// the other call is abandoned, because its own context ended, one of those that wait makes the next
// call. Other errors than those of do mean that ctx is done or that the other call panicked.
func (g *Group[K, V]) Do(
	ctx context.Context, key K, do func() (value V, abandoned bool, err error),
) (value V, err error) {
	for {
		c, first := g.join(key)
		if first {
			defer g.finish(key, c)
			c.value, c.abandoned, c.err = do()
			return c.value, c.err
		}
		select {
		case <-c.done:
			if !c.abandoned {
				return c.value, c.err
			}
		case <-ctx.Done():
			return value, fmt.Errorf("wait for an identical call: %w", ctx.Err())
		}
	}
}

// join returns the call under way, or else a new one for its first caller to make.
func (g *Group[K, V]) join(key K) (c *call[V], first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c, ok := g.calls[key]; ok {
		return c, false
	}
	if g.calls == nil {
		g.calls = make(map[K]*call[V])
	}
	c = &call[V]{done: make(chan struct{}), err: errors.New("an identical call panicked")}
	g.calls[key] = c
	return c, true
}

func (g *Group[K, V]) finish(key K, c *call[V]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.calls, key)
	close(c.done)
}
