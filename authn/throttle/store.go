package throttle

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/berthpass/registry-auth/internal/lru"
)

// A Store keeps the counts, in memory ([NewMemoryStore]) or in a database that replicas share.
// Package storetest checks an implementation.
//
// Each operation is one step, such as a script or a statement, and repeating it has no further
// effect: database clients repeat a call whose reply was lost. After an error, it may have been
// done or not. A Store keeps a count until both the Forget of its key has passed since the last
// failure, and keep since the last Succeed. It may drop counts earlier to bound itself, the least
// recently used first; then they are zero.
//
// Times are whole microseconds, and may be earlier than stored ones when clocks differ or are set
// back. Durations may be math.MaxInt64, and sums of them must not overflow. Implementations are
// safe for concurrent use and return soon after ctx is done.
type Store interface {
	// Look returns the counts of the keys, in their order. An unknown key has the zero Count.
	Look(ctx context.Context, keys []Key) ([]Count, error)
	// Fail counts a failure, for all of its keys or for none.
	Fail(ctx context.Context, failure Failure) error
	// Succeed makes the count zero if its Right is not proof, and sets Right to proof and RightAt
	// to at.
	Succeed(ctx context.Context, key Key, proof [8]byte, at time.Time, keep time.Duration) error
}

// A Key names a count by a keyed hash of an account and a network, or of a network.
type Key struct {
	Hash [16]byte
	// Forget is how long after the last failure the failures are forgotten. It is no part of the
	// name.
	Forget time.Duration
}

// A Count is the state of a [Key]. It shows neither names nor addresses nor passwords.
type Count struct {
	// Failures is the number of failures, and Last is the time of the last one.
	Failures int
	Last     time.Time
	// Wrong is a keyed hash of the credentials that failed last, and zero if that is not known.
	// NoMatch means that the error was ErrNoMatch, and not ErrRejected.
	Wrong   [8]byte
	NoMatch bool
	// Right is a keyed hash of the credentials that were right last, at RightAt.
	Right   [8]byte
	RightAt time.Time
}

// A Failure is one failed login. In the [Count] of each of its keys, Failures becomes zero if At is
// Forget or more after Last, and increases by one. Last, Wrong and NoMatch become At, Proof and
// NoMatch. Right and RightAt become zero if Right is Proof.
type Failure struct {
	// ID is random. A failure with the ID of one within the last minute changes nothing.
	ID   [16]byte
	Keys []Key
	At   time.Time
	// Proof is a keyed hash of the credentials, and zero if the source did not answer.
	Proof   [8]byte
	NoMatch bool
}

// NewMemoryStore returns a [Store] in memory for so many counts of about 300 bytes, or for 100 000
// if maxEntries is not positive. When it is full, it drops the least recently used count. To drop
// its own, an attacker has to fill the store with failures from many networks, which takes longer
// than the wait that it would save.
func NewMemoryStore(maxEntries int) Store {
	return &memory{
		counts: lru.New[[16]byte, Count](cmp.Or(max(0, maxEntries), 100_000)),
		failed: lru.New[[16]byte, struct{}](1000),
	}
}

type memory struct {
	mu     sync.Mutex // for changes of several keys
	counts *lru.Cache[[16]byte, Count]
	failed *lru.Cache[[16]byte, struct{}] // IDs of failures
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
	if _, done := m.failed.Get(f.ID); done {
		return nil
	}
	m.failed.Add(f.ID, struct{}{})
	for _, key := range f.Keys {
		m.counts.Update(key.Hash, func(c Count) Count {
			if f.At.Sub(c.Last) >= key.Forget {
				c.Failures = 0
			}
			if c.Right == f.Proof {
				c.Right, c.RightAt = [8]byte{}, time.Time{}
			}
			c.Failures++
			c.Last, c.Wrong, c.NoMatch = f.At, f.Proof, f.NoMatch
			return c
		})
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
			c = Count{}
		}
		c.Right, c.RightAt = proof, at
		return c
	})
	return nil
}

// A fallback uses a store, and memory while the store is broken, which must neither let everybody
// in nor lock anybody out.
type fallback struct {
	store, memory Store // store may be nil
	logger        *slog.Logger

	mu      sync.Mutex
	retryAt time.Time // zero while the store works
}

const (
	storeTimeout = 500 * time.Millisecond
	storeRetry   = 5 * time.Second
)

// do calls the operation with the store or with memory. It fails only when ctx is done.
func (f *fallback) do(ctx context.Context, operation func(context.Context, Store) error) error {
	if f.usable() {
		bounded, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		err := operation(bounded, f.store)
		if err != nil && ctx.Err() != nil {
			return err // the client hung up, which says nothing about the store
		}
		f.report(ctx, err)
		if err == nil {
			return nil
		}
	}
	return operation(ctx, f.memory)
}

// write is do for a change that is made even when the client has hung up.
func (f *fallback) write(ctx context.Context, operation func(context.Context, Store) error) {
	_ = f.do(context.WithoutCancel(ctx), operation)
}

// usable reports whether to try the store. Of those that come after a fault, one tries.
func (f *fallback) usable() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.store == nil || time.Until(f.retryAt) > 0 {
		return false
	}
	if !f.retryAt.IsZero() {
		f.retryAt = time.Now().Add(storeRetry)
	}
	return true
}

func (f *fallback) report(ctx context.Context, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch worked := f.retryAt.IsZero(); {
	case err != nil && worked:
		f.logger.LogAttrs(ctx, slog.LevelError,
			"throttle store is broken: failed logins are counted in memory", slog.Any("error", err))
	case err == nil && !worked:
		f.logger.LogAttrs(ctx, slog.LevelInfo, "throttle store works again")
	}
	f.retryAt = time.Time{}
	if err != nil {
		f.retryAt = time.Now().Add(storeRetry)
	}
}
