package auth

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// A deadline is compared with context.WithDeadline, whatever ends it and whenever somebody looks at it first.
func TestDeadlineIsAsThatOfPackageContext(t *testing.T) {
	const timeout = time.Second
	gone := errors.New("the client is gone")
	events := map[string]func(leave context.CancelCauseFunc, end func()){
		"nothing":        func(context.CancelCauseFunc, func()) {},
		"time passes":    func(context.CancelCauseFunc, func()) { time.Sleep(timeout) },
		"the end":        func(_ context.CancelCauseFunc, end func()) { end() },
		"the client":     func(leave context.CancelCauseFunc, _ func()) { leave(gone) },
		"the end, twice": func(_ context.CancelCauseFunc, end func()) { end(); end() },
		"the end, and then time": func(_ context.CancelCauseFunc, end func()) {
			end()
			time.Sleep(timeout)
		},
	}
	looks := map[string]func(context.Context){
		"nobody looks":   func(context.Context) {},
		"for the end":    func(ctx context.Context) { ctx.Done() },
		"for the error":  func(ctx context.Context) { _ = ctx.Err() },
		"somebody waits": func(ctx context.Context) { context.AfterFunc(ctx, func() {}) },
	}
	for happens, event := range events {
		for before, look := range looks {
			t.Run(happens+", "+before, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					parent, leave := context.WithCancelCause(context.WithValue(t.Context(), valueKey{}, "of the request"))
					defer leave(nil)
					at := time.Now().Add(timeout)
					want, cancel := context.WithDeadline(parent, at)
					defer cancel()
					got := newDeadline(parent, at)
					defer got.end()
					look(got)
					event(leave, func() { cancel(); got.end() })
					compareContexts(t, got, want)
				})
			})
		}
	}
}

type valueKey struct{}

func compareContexts(t *testing.T, got, want context.Context) { //nolint:revive // t is first in tests
	t.Helper()
	synctest.Wait() // until what has happened is known everywhere
	if !errors.Is(got.Err(), want.Err()) {
		t.Errorf("error %v, want %v", got.Err(), want.Err())
	}
	derived, cancel := context.WithCancel(got)
	defer cancel()
	synctest.Wait()
	for name, ctx := range map[string]context.Context{"it": got, "a context made of it": derived} {
		if !errors.Is(ctx.Err(), want.Err()) || !errors.Is(context.Cause(ctx), context.Cause(want)) || isDone(ctx) != isDone(want) {
			t.Errorf("%s: error %v, cause %v, done %t; want %v, %v, %t", name, ctx.Err(), context.Cause(ctx), isDone(ctx), want.Err(), context.Cause(want), isDone(want))
		}
		if ctx.Value(valueKey{}) != want.Value(valueKey{}) {
			t.Errorf("%s: the value is %v", name, ctx.Value(valueKey{}))
		}
	}
	gotAt, _ := got.Deadline()
	if wantAt, _ := want.Deadline(); !gotAt.Equal(wantAt) {
		t.Errorf("the deadline is %v, want %v", gotAt, wantAt)
	}
}

func isDone(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

// Package context finds by Value what it can wait for without a goroutine.
func TestContextsOfADeadlineTakeNoGoroutine(t *testing.T) {
	d := newDeadline(t.Context(), time.Now().Add(time.Hour))
	defer d.end()
	before := runtime.NumGoroutine()
	for range 10 {
		_, cancel := context.WithCancel(d)
		defer cancel()
	}
	if more := runtime.NumGoroutine() - before; more > 5 { // other tests may leave some
		t.Errorf("%d goroutines more for 10 contexts", more)
	}
}

func TestDeadlineOfTheRequestIsKept(t *testing.T) {
	early := time.Now().Add(time.Hour)
	parent, cancel := context.WithDeadline(t.Context(), early)
	defer cancel()
	if at, ok := newDeadline(parent, early.Add(time.Hour)).Deadline(); !ok || !at.Equal(early) {
		t.Errorf("the deadline is %v, want %v", at, early)
	}
}
