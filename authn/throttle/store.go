package throttle

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berthpass/registry-auth/internal/lru"
)

// A Store keeps the counts, in memory or in a database that replicas share. Package storetest
// checks an implementation.
//
// Each operation is one step, such as a script or a statement, and repeating it has no further
// effect: database clients repeat a call whose reply was lost. After an error, it may have been
// done or not. A count is kept until Forget has passed since its last failure and keep since its
// last success. A Store that is full may drop the least recently used counts earlier.
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

// A Key names a count by a keyed hash of an account and a network, or of a network. Forget is no
// part of the name: it is how long after the last failure the failures are forgotten.
type Key struct {
	Hash   [16]byte
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
// if maxEntries is not positive. To have its own count dropped, an attacker has to fill the store
// from many networks, which takes longer than the wait that it would save.
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
	config  Config // Store may be nil
	memory  Store
	created time.Time
	retryAt atomic.Int64 // a time.Duration since then; zero while the store works
}

// do calls the operation with the store or with memory. It fails only when ctx is done.
func (f *fallback) do(ctx context.Context, operation func(context.Context, Store) error) error {
	now, retryAt := int64(time.Since(f.created)), f.retryAt.Load()
	next := now + int64(5*time.Second)
	broken := retryAt > now || retryAt > 0 && !f.retryAt.CompareAndSwap(retryAt, next)
	if f.config.Store == nil || broken { // of those that come later, one tries the store again
		return operation(ctx, f.memory)
	}
	bounded, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	err := operation(bounded, f.config.Store)
	switch {
	case err == nil:
		if f.retryAt.Swap(0) > 0 {
			f.config.Logger.LogAttrs(ctx, slog.LevelInfo, "throttle store works again")
		}
		return nil
	case ctx.Err() != nil:
		return err // the client hung up, which says nothing about the store
	case f.retryAt.Swap(next) == 0:
		f.config.Logger.LogAttrs(ctx, slog.LevelError,
			"throttle store is broken: failed logins are counted in memory", slog.Any("error", err))
	}
	return operation(ctx, f.memory)
}
