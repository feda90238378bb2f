package throttle

import (
	"context"
	"sync"
	"time"

	"github.com/berthpass/registry-auth/internal/lru"
)

// NewMemoryStore returns a [Store] in memory for at most maxEntries counts, of about 300 bytes
// each. When it is full, the count that was not used for the longest time is dropped. To have its
// own count dropped, an attacker has to fill the store with failures from many networks, which
// takes longer than the wait it would save. If maxEntries is zero or less, it is 100 000.
func NewMemoryStore(maxEntries int) Store {
	if maxEntries <= 0 {
		maxEntries = 100_000
	}
	return &memory{
		counts:  lru.New[[16]byte, Count](maxEntries),
		counted: lru.New[[16]byte, struct{}](1000),
	}
}

type memory struct {
	mu      sync.Mutex
	counts  *lru.Cache[[16]byte, Count]
	counted *lru.Cache[[16]byte, struct{}] // IDs of failures
}

func (m *memory) Look(_ context.Context, keys []Key) ([]Count, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts := make([]Count, len(keys))
	for i, key := range keys {
		counts[i], _ = m.counts.Get(key.Hash)
	}
	return counts, nil
}

func (m *memory) Fail(_ context.Context, f Failure) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, done := m.counted.Get(f.ID); done {
		return nil
	}
	m.counted.Add(f.ID, struct{}{})
	for _, key := range f.Keys {
		m.counts.Update(key.Hash, func(c Count) Count { return c.add(f, key.Forget) })
	}
	return nil
}

func (m *memory) Succeed(
	_ context.Context, key Key, proof [8]byte, at time.Time, _ time.Duration,
) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts.Update(key.Hash, func(c Count) Count {
		if c.Right != proof {
			c = Count{Right: proof}
		}
		c.RightAt = at
		return c
	})
	return nil
}

// add returns the count with one more failure.
func (c Count) add(f Failure, forget time.Duration) Count {
	if f.At.Sub(c.Last) >= forget {
		c.Failures = 0
	}
	switch {
	case !f.Refused:
		c.Last, c.Wrong, c.NoMatch = f.At, f.Proof, f.NoMatch
		if c.Right == f.Proof {
			c.Right, c.RightAt = [8]byte{}, time.Time{}
		}
	case c.Failures == 0:
		c.Last = f.At
	}
	c.Failures++
	return c
}
