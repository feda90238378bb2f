// Package storetest checks that a [throttle.Store] keeps its contract. Run it from a test of the
// store, with the race detector too:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) throttle.Store {
//			return openStore(t) // an empty one, closed by t.Cleanup
//		})
//	}
package storetest

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn/throttle"
)

// Run runs all tests, each with a new, empty store for a hundred counts. Their times are fixed.
func Run(t *testing.T, newStore func(t *testing.T) throttle.Store) {
	for name, test := range map[string]func(suite){
		"a failure is counted for its keys alone":        suite.failures,
		"a failure is counted once by its ID":            suite.repeated,
		"failures are forgotten":                         suite.forgotten,
		"a key is its hash":                              suite.names,
		"a clock that is set back loses no failure":      suite.setBack,
		"a success clears the failures of another proof": suite.success,
		"the last four proofs of a success are kept":     suite.rights,
		"concurrent failures are whole and not lost":     suite.concurrent,
		"a done context ends each operation":             suite.contexts,
	} {
		t.Run(name, func(t *testing.T) { test(suite{t, newStore(t)}) })
	}
}

type suite struct {
	*testing.T

	store throttle.Store
}

const forget = time.Hour

// start has a fraction that floating-point nanoseconds cannot represent.
func start() time.Time { return time.Date(2026, time.March, 1, 12, 0, 0, 123_457_000, time.UTC) }

func key(n uint64) throttle.Key {
	k := throttle.Key{Forget: forget}
	binary.BigEndian.PutUint64(k.Hash[:], n)
	binary.BigEndian.PutUint64(k.Hash[8:], math.MaxUint64) // no text
	return k
}

// failure returns one with an ID, a proof and a time that depend on n, which are microseconds.
func failure(n uint64, keys ...throttle.Key) throttle.Failure {
	f := throttle.Failure{Keys: keys, NoMatch: n%2 == 1}
	f.At = start().Add(time.Duration(n) * time.Microsecond) //nolint:gosec // a small number
	f.ID, f.Proof = key(n).Hash, proof(n)
	return f
}

func proof(n uint64) (p [8]byte) {
	binary.LittleEndian.PutUint64(p[:], ^n)
	return p
}

// counted is the count after so many failures, the last of which is f.
func counted(failures int, f throttle.Failure) throttle.Count {
	return throttle.Count{Failures: failures, Last: f.At, Wrong: f.Proof, NoMatch: f.NoMatch}
}

// right returns c with the proofs of those that were right, the latest first.
func right(c throttle.Count, at time.Time, proofs ...uint64) throttle.Count {
	for i, n := range proofs {
		c.Right[i] = proof(n)
	}
	c.RightAt = at
	return c
}

func (s suite) fail(failures ...throttle.Failure) {
	s.Helper()
	for _, f := range failures {
		if err := s.store.Fail(s.Context(), f); err != nil {
			s.Fatalf("fail: %v", err)
		}
	}
}

func (s suite) succeed(k throttle.Key, p [8]byte, at time.Time) {
	s.Helper()
	for range 2 { // a repetition has no further effect
		if err := s.store.Succeed(s.Context(), k, p, at, forget); err != nil {
			s.Fatalf("succeed: %v", err)
		}
	}
}

func (s suite) want(k throttle.Key, want throttle.Count) {
	s.Helper()
	counts, err := s.store.Look(s.Context(), []throttle.Key{k})
	if err != nil || len(counts) != 1 {
		s.Fatalf("look: %d counts, error %v", len(counts), err)
	}
	got := counts[0]
	same := got.Last.Equal(want.Last) && got.RightAt.Equal(want.RightAt)
	got.Last, got.RightAt = want.Last, want.RightAt // locations may differ
	if !same || got != want {
		s.Errorf("the count is %+v, want %+v", counts[0], want)
	}
}

func (s suite) failures() {
	s.fail(failure(1, key(1), key(2)), failure(2, key(2), key(3)), failure(3, key(2)))
	counts, err := s.store.Look(s.Context(), []throttle.Key{key(3), key(2), key(1), key(4)})
	if err != nil || len(counts) != 4 || counts[0].Failures != 1 || counts[1].Failures != 3 ||
		counts[2].Failures != 1 || counts[3] != (throttle.Count{}) {
		s.Errorf("counts are %+v, error %v, want 1, 3, 1 and no failures", counts, err)
	}
	s.want(key(1), counted(1, failure(1)))
	s.want(key(2), counted(3, failure(3)))
	unanswered := failure(4, key(2))
	unanswered.Proof = [8]byte{}
	s.fail(unanswered)
	s.want(key(2), counted(4, unanswered))
}

func (s suite) repeated() {
	s.fail(failure(1, key(1), key(2)), failure(1, key(1), key(2)))
	s.want(key(1), counted(1, failure(1)))
	s.fail(failure(2, key(1)), failure(3, key(1)), failure(1, key(1), key(2)))
	s.want(key(1), counted(3, failure(3)))
	s.want(key(2), counted(1, failure(1)))
}

func (s suite) forgotten() {
	never := key(3)
	never.Forget = math.MaxInt64
	s.fail(failure(1, key(1), key(2), never), failure(2, key(1), key(2), never))
	before, after := failure(3, key(1), never), failure(4, key(2), never)
	before.At = failure(2).At.Add(forget - time.Microsecond)
	after.At = failure(2).At.Add(forget)
	s.fail(before, after)
	s.want(key(1), counted(3, before))
	s.want(key(2), counted(1, after))
	s.want(never, counted(4, after))
}

func (s suite) names() {
	shorter, other := key(1), key(1)
	shorter.Forget--
	other.Hash[15]--
	s.fail(failure(1, key(1)), failure(2, shorter))
	s.want(key(1), counted(2, failure(2)))
	s.want(other, throttle.Count{})
}

func (s suite) setBack() {
	back := failure(2, key(1))
	back.At = start().Add(-10 * 365 * 24 * time.Hour)
	s.fail(failure(1, key(1)), back)
	s.want(key(1), counted(2, back))
	s.succeed(key(1), proof(1), start())
	s.succeed(key(1), proof(1), back.At)
	s.want(key(1), right(throttle.Count{}, back.At, 1))
}

func (s suite) success() {
	s.fail(failure(1, key(1), key(2)))
	s.succeed(key(1), proof(7), start())
	s.want(key(1), right(throttle.Count{}, start(), 7))
	s.want(key(2), counted(1, failure(1)))
	s.fail(failure(2, key(1)))
	later := start().Add(time.Minute)
	s.succeed(key(1), proof(7), later)
	s.want(key(1), right(counted(1, failure(2)), later, 7))
	s.succeed(key(1), proof(8), start())
	s.want(key(1), right(throttle.Count{}, start(), 8, 7))
}

func (s suite) rights() {
	for n := range uint64(5) {
		s.succeed(key(1), proof(10+n), start())
	}
	s.want(key(1), right(throttle.Count{}, start(), 14, 13, 12, 11))
	s.fail(failure(1, key(1)))
	s.succeed(key(1), proof(12), start())
	s.want(key(1), right(counted(1, failure(1)), start(), 12, 14, 13, 11))
	s.fail(failure(14, key(1))) // these are not right any more
	s.want(key(1), right(counted(2, failure(14)), start(), 12, 13, 11))
	s.succeed(key(1), proof(15), start())
	s.want(key(1), right(throttle.Count{}, start(), 15, 12, 13, 11))
	s.fail(failure(11, key(1)), failure(15, key(1)))
	s.want(key(1), right(counted(2, failure(15)), start(), 12, 13))
}

func (s suite) concurrent() {
	const goroutines, rounds = 16, 20
	keys := []throttle.Key{key(1), key(2)}
	var wg sync.WaitGroup
	for i := range uint64(goroutines) {
		wg.Go(func() {
			own := slices.Clone(keys)
			if i%2 == 1 {
				slices.Reverse(own) // must not block each other
			}
			for j := range uint64(rounds) {
				s.fail(failure(i*rounds+j, own...))
				counts, err := s.store.Look(s.Context(), keys)
				if err != nil || counts[0].Failures != counts[1].Failures {
					s.Errorf("half of a failure is seen: %+v, error %v", counts, err)
				}
			}
		})
	}
	wg.Wait()
	counts, err := s.store.Look(s.Context(), keys)
	if err != nil || counts[0].Failures != goroutines*rounds {
		s.Errorf("%+v, error %v, want %d: some were lost", counts, err, goroutines*rounds)
	}
}

// A store that cannot fail may ignore the context.
func (s suite) contexts() {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	_, look := s.store.Look(ctx, []throttle.Key{key(1)})
	fail := s.store.Fail(ctx, failure(1, key(1)))
	succeed := s.store.Succeed(ctx, key(2), proof(1), start(), forget)
	for _, err := range []error{look, fail, succeed} {
		if err != nil && !errors.Is(err, context.Canceled) {
			s.Errorf("the error does not say that the context is done: %v", err)
		}
	}
	if fail == nil {
		s.want(key(1), counted(1, failure(1)))
	}
}
