package faults

import (
	"context"
	"time"

	"github.com/berthpass/registry-auth/authn/throttle"
	"github.com/berthpass/registry-auth/token/refresh"
)

// The throttle and the refresh tokens read the system clock, and exchange times with their stores.
// The stores below add the steps of a clock to these times, so that it looks as if the system clock
// had been set.

// A skewedThrottle is a store of a throttle.
type skewedThrottle struct {
	throttle.Store

	clock *clock
}

func (s skewedThrottle) Look(
	ctx context.Context, keys []throttle.Key,
) ([]throttle.Count, error) {
	counts, err := s.Store.Look(ctx, keys)
	for i := range counts {
		counts[i].Last = counts[i].Last.Add(-s.clock.skew())
		counts[i].RightAt = counts[i].RightAt.Add(-s.clock.skew())
	}
	return counts, err
}

func (s skewedThrottle) Fail(ctx context.Context, failure throttle.Failure) error {
	failure.At = failure.At.Add(s.clock.skew())
	return s.Store.Fail(ctx, failure)
}

func (s skewedThrottle) Succeed(
	ctx context.Context, key throttle.Key, proof [8]byte, at time.Time, keep time.Duration,
) error {
	return s.Store.Succeed(ctx, key, proof, at.Add(s.clock.skew()), keep)
}

// A skewedTokens is a store of refresh tokens.
type skewedTokens struct {
	refresh.Store

	clock *clock
}

func (s skewedTokens) Insert(ctx context.Context, record refresh.Record, limit int) error {
	for _, at := range []*time.Time{
		&record.IssuedAt, &record.LastUsed, &record.ExpiresAt, &record.IdleAt,
	} {
		*at = at.Add(s.clock.skew())
	}
	return s.Store.Insert(ctx, record, limit)
}

func (s skewedTokens) Use(
	ctx context.Context, hash [32]byte, service string, now, idleAt time.Time,
) (refresh.Record, error) {
	skew := s.clock.skew()
	return s.Store.Use(ctx, hash, service, now.Add(skew), idleAt.Add(skew))
}
