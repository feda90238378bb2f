package throttle

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// calls lets identical logins under way share one result.
type calls struct {
	mu       sync.Mutex
	underWay map[callKey]*call
}

// A call is a login that others may wait for. The fields below done are set before it is closed.
type call struct {
	done chan struct{}

	result    result
	abandoned bool // the client hung up, so the result says nothing to others
}

// share returns the result of do, or of an identical login. It runs do in the goroutine of the
// first login. When that client hangs up, another takes over.
func (c *calls) share(ctx context.Context, key callKey, do func() result) result {
	for {
		running, mine := c.join(key)
		if running == nil {
			defer c.finish(key, mine)
			mine.result = do()
			mine.abandoned = mine.result.unchecked && ctx.Err() != nil
			return mine.result
		}
		select {
		case <-running.done:
		case <-ctx.Done():
			err := fmt.Errorf("wait for an identical login: %w", ctx.Err())
			return result{err: err, unchecked: true}
		}
		if !running.abandoned {
			return running.result
		}
	}
}

// join returns the call to wait for, or else a new one to make.
func (c *calls) join(key callKey) (running, mine *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if running := c.underWay[key]; running != nil {
		return running, nil
	}
	err := errors.New("an identical login panicked") // until there is a result
	mine = &call{done: make(chan struct{}), result: result{err: err, unchecked: true}}
	c.underWay[key] = mine
	return nil, mine
}

func (c *calls) finish(key callKey, mine *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.underWay, key)
	close(mine.done)
}
