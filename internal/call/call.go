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
	err       error
	abandoned bool
}

// Do calls do, unless a call with the same key is under way: then it waits for that result. When
// the other call is abandoned, because its own context ended, one of those that wait makes the next
// call. An error means that ctx is done or that the other call panicked.
func (g *Group[K, V]) Do(
	ctx context.Context, key K, do func() (value V, abandoned bool),
) (value V, err error) {
	for {
		other, mine := g.join(key)
		if other == nil {
			defer g.finish(key, mine)
			mine.value, mine.abandoned = do()
			mine.err = nil
			return mine.value, nil
		}
		select {
		case <-other.done:
			if !other.abandoned {
				return other.value, other.err
			}
		case <-ctx.Done():
			return value, fmt.Errorf("wait for an identical call: %w", ctx.Err())
		}
	}
}

// join returns the call under way, or else a new one.
func (g *Group[K, V]) join(key K) (other, mine *call[V]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if other := g.calls[key]; other != nil {
		return other, nil
	}
	if g.calls == nil {
		g.calls = make(map[K]*call[V])
	}
	mine = &call[V]{done: make(chan struct{}), err: errors.New("an identical call panicked")}
	g.calls[key] = mine
	return nil, mine
}

func (g *Group[K, V]) finish(key K, mine *call[V]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.calls, key)
	close(mine.done)
}
