package throttle

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// A fallback uses a store, and memory while the store is broken: an outage of the store must
// neither let everybody in nor lock anybody out.
type fallback struct {
	store, memory Store
	logger        *slog.Logger

	mu      sync.Mutex
	retryAt time.Time // zero while the store works
}

const (
	storeTimeout = 500 * time.Millisecond
	storeRetry   = 5 * time.Second
)

func (f *fallback) look(ctx context.Context, keys []Key) (counts []Count, err error) {
	err = f.do(ctx, func(ctx context.Context, s Store) error {
		counts, err = s.Look(ctx, keys)
		if err == nil && len(counts) != len(keys) {
			return errors.New("the store returned another number of counts than of keys")
		}
		return err
	})
	return counts, err
}

// fail counts a failure also when the client has gone.
func (f *fallback) fail(ctx context.Context, failure Failure) {
	_ = f.do(context.WithoutCancel(ctx), func(ctx context.Context, s Store) error {
		return s.Fail(ctx, failure)
	}) // memory never fails
}

func (f *fallback) succeed(ctx context.Context, key Key, proof [8]byte) {
	now := time.Now().Truncate(time.Microsecond)
	_ = f.do(context.WithoutCancel(ctx), func(ctx context.Context, s Store) error {
		return s.Succeed(ctx, key, proof, now, rightFor)
	})
}

// do calls the operation with the store, and with memory if that fails. The only error is that ctx
// is done.
func (f *fallback) do(ctx context.Context, operation func(context.Context, Store) error) error {
	if f.store != nil && f.usable() {
		bounded, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		err := operation(bounded, f.store)
		if err != nil && ctx.Err() != nil {
			return ctx.Err() // the client has gone, which says nothing about the store
		}
		f.report(ctx, err)
		if err == nil {
			return nil
		}
	}
	return operation(ctx, f.memory)
}

// usable reports whether the store works, or is due for another try, which one caller makes.
func (f *fallback) usable() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.retryAt.IsZero() {
		return true
	}
	if time.Until(f.retryAt) > 0 {
		return false
	}
	f.retryAt = time.Now().Add(storeRetry)
	return true
}

// report logs when the store breaks and when it works again.
func (f *fallback) report(ctx context.Context, err error) {
	f.mu.Lock()
	wasBroken := !f.retryAt.IsZero()
	f.retryAt = time.Time{}
	if err != nil {
		f.retryAt = time.Now().Add(storeRetry)
	}
	f.mu.Unlock()
	switch {
	case err != nil && !wasBroken:
		f.log(ctx, slog.LevelError,
			"throttle store is broken, failed logins are counted in memory", slog.Any("error", err))
	case err == nil && wasBroken:
		f.log(ctx, slog.LevelInfo, "throttle store works again")
	}
}

func (f *fallback) log(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	logger := f.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(ctx, level, message, attrs...)
}
