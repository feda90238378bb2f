package storetest_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn/throttle"
	"github.com/berthpass/registry-auth/authn/throttle/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) throttle.Store { return throttle.NewMemoryStore(100) })
}

const mutantVariable = "STORETEST_MUTANT"

// TestMutant runs the suite with a store that has the fault in the environment, or none.
func TestMutant(t *testing.T) {
	fault := os.Getenv(mutantVariable)
	storetest.Run(t, func(*testing.T) throttle.Store {
		return &mutant{
			fault: fault, counts: map[throttle.Key]throttle.Count{}, seen: map[[16]byte]bool{},
		}
	})
}

// The suite finds each fault.
func TestMutantsFail(t *testing.T) {
	for fault := range strings.FieldsSeq(`
		counts-repetitions counts-repetitions-later counts-each-ID-for-one-key
		never-forgets forgets-too-late forgets-too-early overflows ignores-set-back-clocks
		Forget-is-in-the-key truncates-the-hash first-key-only reverses-the-order
		milliseconds floats loses-NoMatch loses-Wrong keeps-Wrong keeps-Right
		success-clears-always success-clears-never success-keeps-Last success-clears-all
		success-keeps-the-later-time keeps-one-Right keeps-the-order leaves-gaps
		loses-updates two-steps another-error half-an-error
		expires-by-the-time-of-the-failure
	`) {
		t.Run(fault, func(t *testing.T) {
			suite := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMutant$")
			suite.Env = append(os.Environ(), mutantVariable+"="+fault)
			output, err := suite.CombinedOutput()
			if err == nil || !strings.Contains(string(output), "--- FAIL") {
				t.Errorf("the suite passes a store with this fault: %v\n%s", err, output)
			}
		})
	}
}

// A mutant is a store with a fault.
type mutant struct {
	fault string

	mu     sync.Mutex
	counts map[throttle.Key]throttle.Count
	seen   map[[16]byte]bool
	last   [16]byte
}

func (m *mutant) has(fault string) bool { return m.fault == fault }

func (m *mutant) name(k throttle.Key) throttle.Key {
	if !m.has("Forget-is-in-the-key") {
		k.Forget = 0
	}
	if m.has("truncates-the-hash") {
		k.Hash[15] = 0
	}
	return k
}

func (m *mutant) stored(at time.Time) time.Time {
	switch {
	case m.has("milliseconds"):
		return at.Truncate(time.Millisecond)
	case m.has("floats"): // as Redis has them
		return time.Unix(0, int64(float64(at.UnixNano())))
	}
	return at
}

func (m *mutant) Look(_ context.Context, keys []throttle.Key) ([]throttle.Count, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts := make([]throttle.Count, len(keys))
	for i, k := range keys {
		if m.has("reverses-the-order") {
			i = len(keys) - 1 - i
		}
		counts[i] = m.counts[m.name(k)]
		if m.has("expires-by-the-time-of-the-failure") && time.Since(counts[i].Last) > k.Forget {
			counts[i] = throttle.Count{}
		}
	}
	return counts, nil
}

func (m *mutant) Fail(ctx context.Context, f throttle.Failure) error {
	if err := ctx.Err(); err != nil && m.has("another-error") {
		return os.ErrDeadlineExceeded
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	id := f.ID
	switch {
	case m.has("counts-repetitions"):
	case m.has("counts-repetitions-later"):
		if m.last == id {
			return nil
		}
	case m.seen[id]:
		return nil
	}
	m.seen[id], m.last = true, id
	keys := f.Keys
	if m.has("first-key-only") {
		keys = keys[:1]
	}
	for i, k := range keys {
		if m.has("counts-each-ID-for-one-key") && i > 0 && m.counts[m.name(k)].Failures > 0 {
			continue
		}
		m.counts[m.name(k)] = m.add(m.counts[m.name(k)], f, k.Forget)
		if m.has("loses-updates") || m.has("two-steps") {
			c := m.counts[m.name(k)]
			m.mu.Unlock()
			time.Sleep(time.Microsecond)
			m.mu.Lock()
			if m.has("loses-updates") {
				m.counts[m.name(k)] = c
			}
		}
	}
	if ctx.Err() != nil && m.has("half-an-error") {
		m.counts[m.name(f.Keys[0])] = throttle.Count{}
	}
	return nil
}

func (m *mutant) add(c throttle.Count, f throttle.Failure, forget time.Duration) throttle.Count {
	over := f.At.Sub(c.Last) >= forget
	switch {
	case m.has("never-forgets"):
		over = false
	case m.has("forgets-too-late"):
		over = f.At.Sub(c.Last) > forget
	case m.has("forgets-too-early"):
		over = f.At.Sub(c.Last) >= forget-time.Microsecond
	case m.has("overflows"):
		over = f.At.After(c.Last.Add(forget + 1))
	}
	if over {
		c.Failures = 0
	}
	c.Failures++
	if f.At.Before(c.Last) && m.has("ignores-set-back-clocks") {
		return c
	}
	if i := slices.Index(c.Right[:], f.Proof); i >= 0 && !m.has("keeps-Right") {
		if c.Right[i] = [8]byte{}; !m.has("leaves-gaps") {
			copy(c.Right[i:], c.Right[i+1:])
			c.Right[3] = [8]byte{}
		}
	}
	c.Last, c.Wrong, c.NoMatch = m.stored(f.At), f.Proof, f.NoMatch
	switch {
	case m.has("loses-NoMatch"):
		c.NoMatch = false
	case m.has("loses-Wrong"), m.has("keeps-Wrong") && f.Proof == [8]byte{}:
		c.Wrong = [8]byte{1}
	}
	return c
}

func (m *mutant) Succeed(
	_ context.Context, k throttle.Key, proof [8]byte, at time.Time, _ time.Duration,
) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.counts[m.name(k)]
	known := slices.Index(c.Right[:], proof)
	clears := known < 0
	switch {
	case m.has("success-clears-always"):
		clears = true
	case m.has("success-clears-never"):
		clears = false
	case m.has("success-clears-all"):
		clear(m.counts)
	case m.has("success-keeps-the-later-time") && at.Before(c.RightAt):
		return nil
	}
	if clears {
		last, right := c.Last, c.Right
		if c = (throttle.Count{}); !m.has("keeps-one-Right") {
			c.Right = right
		}
		if m.has("success-keeps-Last") {
			c.Last = last
		}
	}
	switch {
	case known < 0:
		copy(c.Right[1:], c.Right[:])
	case m.has("keeps-the-order"):
		c.Right[0], c.Right[known] = c.Right[known], c.Right[0]
	default:
		copy(c.Right[1:known+1], c.Right[:])
	}
	c.Right[0], c.RightAt = proof, m.stored(at)
	m.counts[m.name(k)] = c
	return nil
}
