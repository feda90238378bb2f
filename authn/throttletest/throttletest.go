// Package throttletest checks that an implementation of [authn.ThrottleStore] keeps its contract. Whoever writes one runs it from
// a test:
//
//	func TestStore(t *testing.T) {
//		throttletest.Run(t, func(t *testing.T) authn.ThrottleStore {
//			return openStore(t) // an empty one, closed by t.Cleanup
//		})
//	}
//
// Run it with the race detector too.
package throttletest

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

// keep is how long the states of the tests matter, which is longer than the tests take.
const keep = time.Hour

// Run runs all tests, each with a new and empty store. The store needs room for a few hundred states.
func Run(t *testing.T, newStore func(t *testing.T) authn.ThrottleStore) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, store authn.ThrottleStore)
	}{
		{"an unknown key has the zero state", testUnknown},
		{"a state comes back as it was written", testRoundTrip},
		{"states come in the order of the keys", testOrder},
		{"a key is its kind and its MAC", testKeys},
		{"a zero state is as good as none", testZero},
		{"no concurrent update is lost", testConcurrentUpdates},
		{"concurrent updates of several keys are one step", testOneStep},
		{"keys in another order do not block each other", testNoDeadlock},
		{"a context that is done ends the update", testContext},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, newStore(t)) })
	}
}

func key(kind authn.ThrottleKind, n int) authn.ThrottleKey {
	k := authn.ThrottleKey{Kind: kind}
	binary.BigEndian.PutUint64(k.MAC[8:], uint64(n)) //nolint:gosec // a small number
	return k
}

// state is one in which nothing is zero. Its times have no monotonic part, which a database would not keep.
func state(n int) authn.ThrottleState {
	at := time.Date(2026, time.March, 1, 12, 0, n, 0, time.UTC)
	return authn.ThrottleState{
		Failures: n + 1, First: at, Last: at.Add(1500 * time.Millisecond), Appointment: at.Add(time.Minute),
		Proof: authn.ThrottleProof{1, 2, 3, 0, 255, 6, 7, byte(n)}, Outcome: authn.ThrottleNoMatch, //nolint:gosec // a small number
	}
}

func same(a, b authn.ThrottleState) bool {
	return a.Failures == b.Failures && a.First.Equal(b.First) && a.Last.Equal(b.Last) && a.Appointment.Equal(b.Appointment) &&
		a.Proof == b.Proof && a.Outcome == b.Outcome
}

func write(t *testing.T, store authn.ThrottleStore, k authn.ThrottleKey, s authn.ThrottleState) {
	t.Helper()
	err := store.Update(t.Context(), []authn.ThrottleKey{k}, keep, func(states []authn.ThrottleState) { states[0] = s })
	if err != nil {
		t.Fatalf("update: %v", err)
	}
}

func read(t *testing.T, store authn.ThrottleStore, keys ...authn.ThrottleKey) []authn.ThrottleState {
	t.Helper()
	var found []authn.ThrottleState
	err := store.Update(t.Context(), keys, keep, func(states []authn.ThrottleState) {
		found = append([]authn.ThrottleState(nil), states...)
	})
	if err != nil {
		t.Fatalf("update: %v", err)
	}
	if len(found) != len(keys) {
		t.Fatalf("%d states for %d keys", len(found), len(keys))
	}
	return found
}

func testUnknown(t *testing.T, store authn.ThrottleStore) {
	for _, s := range read(t, store, key(authn.ThrottleAccountAddress, 1), key(authn.ThrottleAccount, 1), key(authn.ThrottleAddress, 1)) {
		if s != (authn.ThrottleState{}) {
			t.Errorf("an unknown key has %+v", s)
		}
	}
}

func testRoundTrip(t *testing.T, store authn.ThrottleStore) {
	k, want := key(authn.ThrottleAccountAddress, 1), state(1)
	write(t, store, k, want)
	for range 2 {
		if got := read(t, store, k)[0]; !same(got, want) {
			t.Errorf("read %+v, want %+v", got, want)
		}
	}
}

func testOrder(t *testing.T, store authn.ThrottleStore) {
	a, b := key(authn.ThrottleAccount, 1), key(authn.ThrottleAddress, 1)
	write(t, store, a, state(1))
	write(t, store, b, state(2))
	if got := read(t, store, b, a); !same(got[0], state(2)) || !same(got[1], state(1)) {
		t.Errorf("read %+v", got)
	}
	if got := read(t, store, a, b); !same(got[0], state(1)) || !same(got[1], state(2)) {
		t.Errorf("read %+v", got)
	}
}

func testKeys(t *testing.T, store authn.ThrottleStore) {
	write(t, store, key(authn.ThrottleAccount, 1), state(1))
	for name, k := range map[string]authn.ThrottleKey{
		"another kind": key(authn.ThrottleAddress, 1),
		"another MAC":  key(authn.ThrottleAccount, 2),
	} {
		if got := read(t, store, k)[0]; got != (authn.ThrottleState{}) {
			t.Errorf("%s has %+v", name, got)
		}
	}
}

func testZero(t *testing.T, store authn.ThrottleStore) {
	k := key(authn.ThrottleAccountAddress, 1)
	write(t, store, k, state(1))
	write(t, store, k, authn.ThrottleState{})
	if got := read(t, store, k)[0]; got != (authn.ThrottleState{}) {
		t.Errorf("what was made zero is %+v", got)
	}
}

const (
	goroutines = 16
	rounds     = 20
)

func testConcurrentUpdates(t *testing.T, store authn.ThrottleStore) {
	k := key(authn.ThrottleAddress, 1)
	inParallel(func(int) {
		if err := store.Update(t.Context(), []authn.ThrottleKey{k}, keep, func(s []authn.ThrottleState) { s[0].Failures++ }); err != nil {
			t.Errorf("update: %v", err)
		}
	})
	if got := read(t, store, k)[0].Failures; got != goroutines*rounds {
		t.Errorf("%d failures are counted, want %d", got, goroutines*rounds)
	}
}

func testOneStep(t *testing.T, store authn.ThrottleStore) {
	keys := []authn.ThrottleKey{key(authn.ThrottleAccountAddress, 1), key(authn.ThrottleAccount, 1), key(authn.ThrottleAddress, 1)}
	inParallel(func(int) {
		var seen [3]int
		err := store.Update(t.Context(), keys, keep, func(states []authn.ThrottleState) {
			for i := range states {
				seen[i] = states[i].Failures
				states[i].Failures++
			}
		})
		if err != nil {
			t.Errorf("update: %v", err)
		}
		if seen[0] != seen[1] || seen[1] != seen[2] {
			t.Errorf("an update saw another by half: %v", seen)
		}
	})
	for _, s := range read(t, store, keys...) {
		if s.Failures != goroutines*rounds {
			t.Errorf("%d failures are counted, want %d", s.Failures, goroutines*rounds)
		}
	}
}

func testNoDeadlock(t *testing.T, store authn.ThrottleStore) {
	a, b := key(authn.ThrottleAccount, 1), key(authn.ThrottleAddress, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	inParallel(func(i int) {
		keys := []authn.ThrottleKey{a, b}
		if i%2 == 1 {
			keys = []authn.ThrottleKey{b, a}
		}
		err := store.Update(ctx, keys, keep, func(states []authn.ThrottleState) { states[0].Failures++; states[1].Failures++ })
		if err != nil {
			t.Errorf("update: %v", err)
		}
	})
}

// A store that never fails may ignore the context. One that fails has not written.
func testContext(t *testing.T, store authn.ThrottleStore) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k := key(authn.ThrottleAccount, 1)
	err := store.Update(ctx, []authn.ThrottleKey{k}, keep, func(states []authn.ThrottleState) { states[0] = state(1) })
	written := same(read(t, store, k)[0], state(1))
	if written != (err == nil) {
		t.Errorf("error %v, and written: %v", err, written)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("the error does not say that the context is done: %v", err)
	}
}

// inParallel calls f many times.
func inParallel(f func(goroutine int)) {
	var wg sync.WaitGroup
	for i := range goroutines {
		wg.Go(func() {
			for range rounds {
				f(i)
			}
		})
	}
	wg.Wait()
}
