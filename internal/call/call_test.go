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
		finish := make(chan struct{})
		var wg sync.WaitGroup
		for i := range 100 {
			key := []string{"a", "b"}[i%2]
			wg.Go(func() {
				value, err := group.Do(t.Context(), key, func() (int, bool) {
					calls.Add(1)
					<-finish
					return len(key) + i%2, false
				})
				if err != nil || value != 1+i%2 {
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
		value, err := group.Do(t.Context(), "a", func() (int, bool) { return 7, false })
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
			value, _ := group.Do(ctx, "a", func() (string, bool) {
				<-ctx.Done()
				return "abandoned", true
			})
			if value != "abandoned" {
				t.Errorf("the first caller has %q", value)
			}
		})
		synctest.Wait()
		for range 10 {
			wg.Go(func() {
				value, err := group.Do(t.Context(), "a", func() (string, bool) { return "done", false })
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
			_, _ = group.Do(t.Context(), "a", func() (int, bool) { <-finish; return 1, false })
		})
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := group.Do(ctx, "a", func() (int, bool) { return 2, false })
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
			_, _ = group.Do(t.Context(), "a", func() (int, bool) { <-finish; panic("a bug") })
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
		if _, err := group.Do(t.Context(), "a", func() (int, bool) { return 1, false }); err != nil {
			t.Errorf("after the panic: %v", err)
		}
	})
}
