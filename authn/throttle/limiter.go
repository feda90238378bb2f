package throttle

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A tally counts logins under way by key.
type tally struct {
	mu     sync.Mutex
	counts map[[16]byte]int
}

// add counts one more login for each key, and returns how many there were before it.
func (t *tally) add(keys []Key) (before []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before = make([]int, len(keys))
	for i, key := range keys {
		before[i] = t.counts[key.Hash]
		t.counts[key.Hash]++
	}
	return before
}

func (t *tally) remove(keys []Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range keys {
		if t.counts[key.Hash]--; t.counts[key.Hash] == 0 {
			delete(t.counts, key.Hash)
		}
	}
}

// semaphores has one semaphore for each network that is in use.
type semaphores struct {
	size int

	mu   sync.Mutex
	used map[[16]byte]*semaphore
}

type semaphore struct {
	places chan struct{}
	users  int
}

// checkWait is as long as package password lets a check wait.
const checkWait = 2 * time.Second

// acquire waits for a place in the semaphore of the smallest network. If there is none, the address
// is not known, and nothing limits it.
func (s *semaphores) acquire(ctx context.Context, networks []Key) (release func(), err error) {
	if len(networks) == 0 {
		return func() {}, nil
	}
	network := networks[0].Hash
	places := s.enter(network)
	timer := time.NewTimer(checkWait)
	defer timer.Stop()
	select {
	case places <- struct{}{}:
		return func() { <-places; s.leave(network) }, nil
	case <-timer.C:
		err = &Error{RetryAfter: time.Second}
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.leave(network)
	return nil, fmt.Errorf("wait for other logins from the network: %w", err)
}

func (s *semaphores) enter(network [16]byte) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := s.used[network]
	if used == nil {
		used = &semaphore{places: make(chan struct{}, s.size)}
		s.used[network] = used
	}
	used.users++
	return used.places
}

func (s *semaphores) leave(network [16]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := s.used[network]
	if used.users--; used.users == 0 {
		delete(s.used, network)
	}
}

// A delay lets answers take a least time. Each one waiting keeps a goroutine and a connection.
type delay struct {
	least  time.Duration
	places chan struct{}
}

func newDelay(least time.Duration) *delay {
	return &delay{least: least, places: make(chan struct{}, 1000)}
}

// until waits for the least time after arrived, unless ctx is done or too many others wait.
func (d *delay) until(ctx context.Context, arrived time.Time) {
	left := d.least - time.Since(arrived)
	if left <= 0 {
		return
	}
	select {
	case d.places <- struct{}{}:
		defer func() { <-d.places }()
	default:
		return
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
