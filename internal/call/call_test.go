package call_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/berthpass/registry-auth/internal/call"
)

func TestConcurrentCallersShareOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group call.Group[string, int]
		var calls, wrong atomic.Int64
		failure := errors.New("a result too")
		finish := make(chan struct{})
		var wg sync.WaitGroup
		for i := range 100 {
			key := []string{"a", "b"}[i%2]
			wg.Go(func() {
				value, err := group.Do(t.Context(), key, func() (int, bool, error) {
					calls.Add(1)
					<-finish
					return len(key) + i%2, false, failure
				})
				if !errors.Is(err, failure) || value != 1+i%2 {
					wrong.Add(1)
				}
			})
		}
		synctest.Wait()
		close(finish)
		wg.Wait()
		if calls.Load() != 2 || wrong.Load() != 0 {
			t.Errorf("%d calls for two keys, and %d wrong results", calls.Load(), wrong.Load())
		}
		value, err := group.Do(t.Context(), "a", func() (int, bool, error) { return 7, false, nil })
		if value != 7 || err != nil {
			t.Errorf("a later call: %d, %v, want 7", value, err)
		}
	})
}

func TestAnAbandonedCallIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group call.Group[string, string]
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			value, _ := group.Do(ctx, "a", func() (string, bool, error) {
				<-ctx.Done()
				return "abandoned", true, ctx.Err()
			})
			if value != "abandoned" {
				t.Errorf("the first caller has %q", value)
			}
		})
		synctest.Wait()
		for range 10 {
			wg.Go(func() {
				value, err := group.Do(t.Context(), "a", func() (string, bool, error) {
					return "done", false, nil
				})
				if value != "done" || err != nil {
					t.Errorf("one that waited has %q, %v", value, err)
				}
			})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
	})
}

func TestAContextEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group call.Group[string, int]
		finish := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _ = group.Do(t.Context(), "a", func() (int, bool, error) {
				<-finish
				return 1, false, nil
			})
		})
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := group.Do(ctx, "a", func() (int, bool, error) { return 2, false, nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want that of the context", err)
		}
		close(finish)
		wg.Wait()
	})
}

func TestAPanicIsTheFirstCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group call.Group[string, int]
		finish := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() {
				if recover() == nil {
					t.Error("the first caller does not panic")
				}
			}()
			_, _ = group.Do(t.Context(), "a", func() (int, bool, error) { <-finish; panic("a bug") })
		})
		synctest.Wait()
		wg.Go(func() {
			if _, err := group.Do(t.Context(), "a", nil); err == nil {
				t.Error("one that waited has no error")
			}
		})
		synctest.Wait()
		close(finish)
		wg.Wait()
		_, err := group.Do(t.Context(), "a", func() (int, bool, error) { return 1, false, nil })
		if err != nil {
			t.Errorf("after the panic: %v", err)
		}
	})
}
