package throttle

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berthpass/registry-auth/internal/lru"
)

// A Store keeps the counts, as in a database that replicas share. Package storetest tests one.
//
// Each operation is atomic and idempotent: database clients repeat a call whose reply was lost.
// After an error, it may have been done or not. By the clock of the Store, a count is kept at least
// until Forget has passed since its last failure and keep since its last success. A full Store may
// drop the least recently used earlier. Times are whole microseconds in any location, or zero, and
// may be earlier than stored ones when clocks differ or are set back. Durations may be
// math.MaxInt64; sums must not overflow. Implementations are safe for concurrent use and return
// soon after ctx is done.
type Store interface {
	// Look returns the counts of different keys in their order, zero if unknown. It ignores Forget.
	Look(ctx context.Context, keys []Key) ([]Count, error)
	// Fail counts a failure, for all of its keys or for none.
	Fail(ctx context.Context, failure Failure) error
	// Succeed clears all but Right if that does not contain proof. It makes proof the first of
	// Right, sets RightAt to at, and keeps them for keep.
	Succeed(ctx context.Context, key Key, proof [8]byte, at time.Time, keep time.Duration) error
}

// A Key names a count by a keyed hash of an account and a network, or of a network. Forget is not
// part of the name; it is how long after the last one failures are forgotten.
type Key struct {
	Hash   [16]byte
	Forget time.Duration
}

// A Count is stored under a [Key]. Only with [Config].Key can passwords be guessed from it.
type Count struct {
	Failures int
	Last     time.Time // of the last failure
	// Wrong is a keyed hash of the credentials that failed last, or zero if the source did not
	// answer. NoMatch means that the error was ErrNoMatch, not ErrRejected.
	Wrong   [8]byte
	NoMatch bool
	// Right has keyed hashes of the last credentials that were right, the latest first and zeros
	// at the end. RightAt is the time of the last success.
	Right   [4][8]byte
	RightAt time.Time
}

// A Failure is one failed login. In the [Count] of each of its keys, Failures becomes zero if At is
// Forget or more after Last, and increases by one. Last, Wrong and NoMatch become At, Proof and
// NoMatch, even if At is earlier. Right loses Proof, and those after it move up.
type Failure struct {
	// ID is random. A failure with the ID of one within the last minute changes nothing.
	ID   [16]byte
	Keys []Key
	At   time.Time
	// Proof is a keyed hash of the credentials, or zero if the source did not answer.
	Proof   [8]byte
	NoMatch bool
}

// NewMemoryStore returns a [Store] in memory for maxEntries counts with failures and as many with
// successes alone, of about 200 bytes each. The default is 100 000. When it is full, it drops the
// least recently used: choose more failures than attackers can add from many networks in a Window.
func NewMemoryStore(maxEntries int) Store {
	size := cmp.Or(max(0, maxEntries), 100_000)
	return &memory{
		failures:  lru.New[[16]byte, Count](size),
		successes: lru.New[[16]byte, Count](size),
		ids:       lru.New[[16]byte, struct{}](1000),
	}
}

type memory struct {
	mu sync.Mutex // for operations on several keys or caches
	// An attacker's own logins from many networks must not evict failures.
	failures, successes *lru.Cache[[16]byte, Count]
	ids                 *lru.Cache[[16]byte, struct{}] // of failures
}

func (m *memory) Look(_ context.Context, keys []Key) (counts []Count, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		counts = append(counts, m.get(key))
	}
	return counts, nil
}

func (m *memory) get(key Key) Count {
	c, ok := m.failures.Get(key.Hash)
	if !ok {
		c, _ = m.successes.Get(key.Hash)
	}
	return c
}

func (m *memory) set(key Key, c Count) {
	to, from := m.failures, m.successes
	if c.Failures == 0 {
		to, from = from, to
	}
	from.Remove(key.Hash, func(Count) bool { return true })
	to.Add(key.Hash, c)
}

func (m *memory) Fail(_ context.Context, f Failure) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, done := m.ids.Get(f.ID); done {
		return nil
	}
	m.ids.Add(f.ID, struct{}{})
	for _, key := range f.Keys {
		c := m.get(key)
		if f.At.Sub(c.Last) >= key.Forget {
			c.Failures = 0
		}
		_ = slices.DeleteFunc(c.Right[:], func(proof [8]byte) bool { return proof == f.Proof })
		c.Failures++
		c.Last, c.Wrong, c.NoMatch = f.At, f.Proof, f.NoMatch
		m.set(key, c)
	}
	return nil
}

func (m *memory) Succeed(_ context.Context, k Key, p [8]byte, at time.Time, _ time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.get(k)
	place := slices.Index(c.Right[:], p)
	if place < 0 {
		c, place = Count{Right: c.Right}, len(c.Right)-1
	}
	copy(c.Right[1:place+1], c.Right[:])
	c.Right[0], c.RightAt = p, at
	m.set(k, c)
	return nil
}

// A fallback uses a store, and memory while the store is broken, which must neither let everybody
// in nor lock anybody out.
type fallback struct {
	config  Config // Store may be nil
	memory  Store
	retryAt atomic.Pointer[time.Time] // nil while the store works
}

// do calls the operation with the store or with memory, and fails only when ctx is done. One login
// at a time tries a broken store again, by a write: reads may work while no failure is counted.
func (f *fallback) do(
	ctx context.Context, writes bool, operation func(context.Context, Store) error,
) error {
	now, at := time.Now(), f.retryAt.Load()
	next := now.Add(5 * time.Second)
	broken := at != nil && (!writes || now.Before(*at) || !f.retryAt.CompareAndSwap(at, &next))
	if f.config.Store == nil || broken {
		return operation(ctx, f.memory)
	}
	bounded, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	err := operation(bounded, f.config.Store)
	switch {
	case err == nil:
		if writes && f.retryAt.Swap(nil) != nil {
			f.config.Logger.InfoContext(ctx, "throttle store works again")
		}
		return nil
	case ctx.Err() != nil:
		return err // the client hung up, which says nothing about the store
	case f.retryAt.Swap(&next) == nil:
		f.config.Logger.ErrorContext(ctx, "throttle store is broken: counting in memory",
			slog.Any("error", err))
	}
	return operation(ctx, f.memory)
}
