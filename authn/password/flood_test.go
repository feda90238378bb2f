package password

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// timed returns a hash whose checks take that long.
func timed(d time.Duration, matches bool) Hash {
	return Hash{schemeFunc(func(string) bool { time.Sleep(d); return matches })}
}

// Wrong passwords get a third of the time, or more above half a second, and right ones all of it.
func TestCoolDown(t *testing.T) {
	for name, test := range map[string]struct {
		takes   time.Duration
		matches bool
		want    time.Duration // for ten
	}{
		"right":            {100 * time.Millisecond, true, time.Second},
		"wrong":            {100 * time.Millisecond, false, 2800 * time.Millisecond},
		"wrong and costly": {3 * time.Second, false, 39 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				checker := &Checker{Concurrency: 1}
				begun := time.Now()
				for range 10 {
					hash := timed(test.takes, test.matches)
					matches, err := checker.Check(t.Context(), hash, "a")
					if matches != test.matches || err != nil {
						t.Fatalf("%v, %v", matches, err)
					}
				}
				if took := time.Since(begun); took != test.want {
					t.Errorf("ten take %v, want %v", took, test.want)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if got, want := checker.Stats(), (Stats{Compared: 10}); got != want {
					t.Errorf("at the end stats are %+v, want %+v", got, want)
				}
			})
		})
	}
}

// The cool-down delays the next check, not the result, and does not count as running.
func TestCoolDownIsAfterTheResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checker := &Checker{Concurrency: 1, QueueLength: -1}
		begun := time.Now()
		_, _ = checker.Check(t.Context(), timed(time.Second, false), "a")
		if took := time.Since(begun); took != time.Second {
			t.Errorf("the result took %v", took)
		}
		if got, want := checker.Stats(), (Stats{Compared: 1}); got != want {
			t.Errorf("stats are %+v, want %+v", got, want)
		}
		if _, err := checker.Check(t.Context(), timed(time.Second, true), "a"); !errors.Is(err, ErrBusy) {
			t.Errorf("during the cool-down: %v", err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if _, err := checker.Check(t.Context(), timed(time.Second, true), "a"); err != nil {
			t.Errorf("after the cool-down: %v", err)
		}
	})
}
