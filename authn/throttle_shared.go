package authn

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// sharedStore is a store that other replicas use as well, and that may be down. Neither an open door nor an outage may come of
// that: for as long as it is down each replica counts for itself, in its memory, by the same rules.
type sharedStore struct {
	store  ThrottleStore
	logger *slog.Logger
	now    func() time.Time

	mu      sync.Mutex
	retryAt time.Time // zero while the store works
}

const (
	// sharedTimeout is how long a login waits for a shared store.
	sharedTimeout = 500 * time.Millisecond
	// sharedRetry is how long after a fault the store is left alone, so that not every login waits for it.
	sharedRetry = 5 * time.Second
)

// working reports whether the store is worth a try. Of those who come after a fault, the first tries.
func (s *sharedStore) working() bool {
	if s.store == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.retryAt.IsZero() {
		return true
	}
	now := s.now()
	if left := s.retryAt.Sub(now); left > 0 && left <= sharedRetry { // more is left when the clock was set back
		return false
	}
	s.retryAt = now.Add(sharedRetry)
	return true
}

func (s *sharedStore) update(ctx context.Context, keys []ThrottleKey, keep time.Duration, change func([]ThrottleState)) error {
	bounded, cancel := context.WithTimeout(ctx, sharedTimeout)
	defer cancel()
	err := s.store.Update(bounded, keys, keep, change)
	if err == nil || ctx.Err() == nil { // else it is the client that is gone
		s.note(ctx, err)
	}
	return err
}

// note tells the log when the store breaks and when it works again.
func (s *sharedStore) note(ctx context.Context, err error) {
	s.mu.Lock()
	before := s.retryAt
	s.retryAt = time.Time{}
	if err != nil {
		s.retryAt = s.now().Add(sharedRetry)
	}
	s.mu.Unlock()
	switch {
	case err != nil && before.IsZero():
		s.log(ctx, slog.LevelError, "the shared throttle store is broken: failed logins are counted by each replica alone", slog.Any("error", err))
	case err == nil && !before.IsZero():
		s.log(ctx, slog.LevelInfo, "the shared throttle store works again")
	}
}

func (s *sharedStore) log(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	logger := s.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(ctx, level, message, attrs...)
}
