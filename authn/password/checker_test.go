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

// A schemeFunc is a hash whose check the test controls.
type schemeFunc func(password string) bool

func (f schemeFunc) matches(password string) bool { return f(password) }
func (f schemeFunc) nominalMicroseconds() int     { return 1 }
func (f schemeFunc) parameters() string           { return "test" }
func (f schemeFunc) weakness() string             { return "" }
func (f schemeFunc) decoy() scheme                { return f }

// slow returns a hash. Each check of it waits until it receives from the channel.
func slow() (Hash, chan struct{}) {
	finish := make(chan struct{})
	return Hash{schemeFunc(func(string) bool { <-finish; return true })}, finish
}

func TestCheckerLimitsRunningAndWaitingChecks(t *testing.T) {
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
		if matches || !errors.Is(err, ErrBusy) ||
			errors.Is(err, authn.ErrRejected) || errors.Is(err, authn.ErrNoMatch) {
			t.Errorf("with a full queue: %v, %v", matches, err)
		}

		close(finish)
		for range 5 {
			if !<-matched {
				t.Error("a check in the queue was refused")
			}
		}
		synctest.Wait()
		if got, want := checker.Stats(), (Stats{Compared: 5, Refused: 1}); got != want {
			t.Errorf("at the end stats are %+v, want %+v", got, want)
		}
	})
}

func TestTheQueueIsFirstInFirstOut(t *testing.T) {
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

func TestAWaitingCheckIsRefusedAfterMaxWait(t *testing.T) {
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
					t.Errorf("%d checks are still in the queue", waiting)
				}
			})
		})
	}
}

func TestAWaitingCheckIsRefusedWhenItsContextEnds(t *testing.T) {
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
			t.Errorf("the waiting check: %v", err)
		}
		if _, err := checker.Check(ctx, hash, "a"); !errors.Is(err, context.Canceled) {
			t.Errorf("a check with a context that is done: %v", err)
		}
		close(finish)
		synctest.Wait()
		if got, want := checker.Stats(), (Stats{Compared: 1, Refused: 2}); got != want {
			t.Errorf("stats are %+v, want %+v", got, want)
		}
	})
}

func TestAPanicReleasesItsSlot(t *testing.T) {
	checker := &Checker{Concurrency: 1}
	func() {
		defer func() { _ = recover() }()
		_, _ = checker.Check(t.Context(), Hash{schemeFunc(func(string) bool { panic("test") })}, "a")
		t.Error("the panic was lost")
	}()
	if running := checker.Stats().Running; running != 0 {
		t.Errorf("%d checks still count as running", running)
	}
}

func TestInvalidLengthsAreNotCompared(t *testing.T) {
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
	for name, test := range map[string]struct {
		checker          *Checker
		running, waiting int
	}{
		"the zero value":          {&Checker{}, max(1, runtime.GOMAXPROCS(0)-1), 64},
		"a negative concurrency":  {&Checker{Concurrency: -1}, max(1, runtime.GOMAXPROCS(0)-1), 64},
		"three, and two waiting":  {&Checker{Concurrency: 3, QueueLength: 2}, 3, 2},
		"a negative queue length": {&Checker{Concurrency: 3, QueueLength: -1}, 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hash, finish := slow()
				for range test.running + test.waiting {
					go func() {
						if _, err := test.checker.Check(t.Context(), hash, "a"); err != nil {
							t.Error(err)
						}
					}()
				}
				synctest.Wait()
				want := Stats{
					Running: test.running, Waiting: test.waiting, Compared: uint64(test.running),
				}
				if got := test.checker.Stats(); got != want {
					t.Errorf("stats are %+v, want %+v", got, want)
				}
				if _, err := test.checker.Check(t.Context(), hash, "a"); !errors.Is(err, ErrBusy) {
					t.Errorf("one more: %v", err)
				}
				close(finish)
				synctest.Wait()
			})
		})
	}
}
