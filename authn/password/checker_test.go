package password

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

// A schemeFunc is a hash whose comparison the test controls.
type schemeFunc func(password string) bool

func (f schemeFunc) matches(password string) bool { return f(password) }
func (f schemeFunc) nominalMicroseconds() int     { return 1 }
func (f schemeFunc) parameters() string           { return "a test's" }
func (f schemeFunc) weakness() string             { return "" }
func (f schemeFunc) decoy() scheme                { return f }

// slow returns a hash whose comparisons run until the channel gives them a value.
func slow() (Hash, chan struct{}) {
	finish := make(chan struct{})
	return Hash{schemeFunc(func(string) bool { <-finish; return true })}, finish
}

func TestCheckerBoundsWhatRunsAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checker := &Checker{Concurrency: 2, QueueLength: 3}
		hash, finish := slow()
		matched := make(chan bool, 5)
		for range 5 {
			go func() {
				matches, err := checker.Check(t.Context(), hash, "a")
				matched <- matches && err == nil
			}()
		}
		synctest.Wait()
		if got, want := checker.Stats(), (Stats{Running: 2, Waiting: 3, Compared: 2}); got != want {
			t.Fatalf("stats are %+v, want %+v", got, want)
		}

		matches, err := checker.Check(t.Context(), hash, "a")
		if matches || !errors.Is(err, ErrBusy) || errors.Is(err, authn.ErrRejected) || errors.Is(err, authn.ErrNoMatch) {
			t.Errorf("with a full queue: %v, %v", matches, err)
		}

		close(finish)
		for range 5 {
			if !<-matched {
				t.Error("one that had a place in the queue was refused")
			}
		}
		synctest.Wait()
		if got, want := checker.Stats(), (Stats{Compared: 5, Refused: 1}); got != want {
			t.Errorf("at the end stats are %+v, want %+v", got, want)
		}
	})
}

func TestCheckerServesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checker := &Checker{Concurrency: 1}
		hash, finish := slow()
		var order []int
		for i := range 5 {
			go func() {
				if _, err := checker.Check(t.Context(), hash, "a"); err != nil {
					t.Error(err)
				}
				order = append(order, i)
			}()
			synctest.Wait()
		}
		for range 5 {
			finish <- struct{}{}
			synctest.Wait()
		}
		if !slices.IsSorted(order) || len(order) != 5 {
			t.Errorf("served in the order %v", order)
		}
	})
}

func TestCheckerWaitsForALimitedTime(t *testing.T) {
	for name, test := range map[string]struct{ configured, want time.Duration }{
		"by default":    {0, 2 * time.Second},
		"as configured": {time.Minute, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				checker := &Checker{Concurrency: 1, MaxWait: test.configured}
				hash, finish := slow()
				defer close(finish)
				go func() { _, _ = checker.Check(t.Context(), hash, "a") }()
				synctest.Wait()
				begun := time.Now()
				_, err := checker.Check(t.Context(), hash, "a")
				if !errors.Is(err, ErrBusy) || time.Since(begun) != test.want {
					t.Errorf("after %v: %v", time.Since(begun), err)
				}
				if waiting := checker.Stats().Waiting; waiting != 0 {
					t.Errorf("%d places in the queue are still taken", waiting)
				}
			})
		})
	}
}

func TestCheckerLeavesWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checker := &Checker{Concurrency: 1}
		hash, finish := slow()
		go func() { _, _ = checker.Check(t.Context(), hash, "a") }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error)
		go func() {
			_, err := checker.Check(ctx, hash, "a")
			left <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, ErrBusy) || !errors.Is(err, context.Canceled) {
			t.Errorf("the one that left: %v", err)
		}
		if _, err := checker.Check(ctx, hash, "a"); !errors.Is(err, context.Canceled) {
			t.Errorf("one that comes with a context that is done: %v", err)
		}
		close(finish)
		synctest.Wait()
		if got, want := checker.Stats(), (Stats{Compared: 1, Refused: 2}); got != want {
			t.Errorf("stats are %+v, want %+v", got, want)
		}
	})
}

func TestCheckerSurvivesAPanic(t *testing.T) {
	checker := &Checker{Concurrency: 1}
	func() {
		defer func() { _ = recover() }()
		_, _ = checker.Check(t.Context(), Hash{schemeFunc(func(string) bool { panic("test") })}, "a")
		t.Error("the panic did not come through")
	}()
	if running := checker.Stats().Running; running != 0 {
		t.Errorf("%d comparisons seem to run", running)
	}
}

func TestCheckerDoesNotCompareWhatCannotMatch(t *testing.T) {
	everything := Hash{schemeFunc(func(string) bool { return true })}
	for name, test := range map[string]struct {
		hash     Hash
		password authn.Secret
		want     bool
	}{
		"a password":           {everything, "a", true},
		"the longest password": {everything, authn.Secret(strings.Repeat("a", maxLength)), true},
		"a longer password":    {everything, authn.Secret(strings.Repeat("a", maxLength+1)), false},
		"an empty password":    {everything, "", false},
		"the zero hash":        {Hash{}, "a", false},
	} {
		t.Run(name, func(t *testing.T) {
			checker := &Checker{}
			matches, err := checker.Check(t.Context(), test.hash, test.password)
			if matches != test.want || err != nil {
				t.Errorf("matches: %v, %v", matches, err)
			}
			if compared := checker.Stats().Compared == 1; compared != test.want {
				t.Errorf("compared: %v", compared)
			}
		})
	}
}

func TestCheckerDefaults(t *testing.T) {
	checker := &Checker{}
	if got, want := checker.concurrency(), max(1, runtime.GOMAXPROCS(0)-1); got != want {
		t.Errorf("concurrency is %d, want %d", got, want)
	}
	if checker.queueLength() != 64 {
		t.Errorf("queue length is %d", checker.queueLength())
	}
	if got := (&Checker{QueueLength: -1}).queueLength(); got > 0 {
		t.Errorf("a negative queue length is %d", got)
	}
}
