package main

import (
	"context"
	"errors"
	"time"

	"github.com/berthpass/registry-auth/examples/internal/load"
)

const (
	speedConnections = 16
	speedRounds      = 3 // of both, by turns, so that what else the machine does hits both
)

// A speed is what several loads together found.
type speed struct {
	requests, failed uint64
	took, cpu        time.Duration
	bytes            float64 // of an answer
}

func (s *speed) rate() float64 { return float64(s.requests) / s.took.Seconds() }

// each is the processor time that the server takes for a request. Unlike the rate, nobody else on the machine has a part in it.
func (s *speed) each() time.Duration {
	if s.requests == 0 {
		return 0
	}
	return s.cpu / time.Duration(s.requests) //nolint:gosec // far fewer
}

// ask asks a server for a while, always the same.
func (s *speed) ask(ctx context.Context, b *bench, p *process, d time.Duration) error {
	before, err := p.cpu()
	if err != nil {
		return err
	}
	// Without a warm-up, so that the processor time is that of the requests that are counted.
	report, err := b.load(ctx, p, load.Config{Duration: d, Groups: []load.Group{
		{Kind: load.Anonymous, Clients: speedConnections, Scopes: publicScopes()[:1]},
	}})
	if err != nil {
		return err
	}
	after, err := p.cpu()
	g := &report.Groups[0]
	s.requests += g.Requests
	s.failed += failures(g)
	s.took += report.Elapsed
	s.cpu += after - before
	s.bytes = g.AnswerBytes
	return err
}

// measureSpeed is S1: the server with and without a line in its log for each request, and bare handlers that sign as often and
// log nothing, take turns.
func measureSpeed(ctx context.Context, b *bench) (checks []check, err error) {
	logging, err := b.start(ctx, &configuration{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, logging.stop()) }()
	quiet, err := b.start(ctx, &configuration{flags: []string{"--log-level", "warn"}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, quiet.stop()) }()
	var warm speed
	if err := errors.Join(warm.ask(ctx, b, logging, warmUp), warm.ask(ctx, b, quiet, warmUp)); err != nil {
		return nil, err
	}
	bare, err := b.startBare(ctx, int(warm.bytes))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	cheaper := *bare
	cheaper.url = "http://" + bare.host + rfc6979
	if err := errors.Join(warm.ask(ctx, b, bare, warmUp), warm.ask(ctx, b, &cheaper, warmUp)); err != nil {
		return nil, err
	}
	turns := []*process{bare, &cheaper, quiet, logging}
	speeds := make([]speed, len(turns))
	for range speedRounds {
		for i, p := range turns {
			if err := speeds[i].ask(ctx, b, p, b.duration/2); err != nil {
				return nil, err
			}
		}
	}
	return append(
		shares(&speeds[0], &speeds[1], &speeds[2], "rate of tokens, as a part of a bare handler's that signs", 0.85),
		shares(&speeds[0], &speeds[1], &speeds[3], "the same, with a line in the log for each request", 0.8)...,
	), nil
}

// shares compares a server with a bare one, and shows what it is beside one with cheaper signatures.
func shares(bare, cheaper, server *speed, what string, bound float64) []check {
	share := check{what: what, got: server.rate() / bare.rate(), bound: bound, atLeast: true, unit: factor, timed: true}
	return []check{
		share.noted("%.0f/s and %.0f/s; %.2f if it signs by RFC 6979 as the server does; a request takes the server %v of processor time, and the bare ones %v and %v",
			server.rate(), bare.rate(), server.rate()/cheaper.rate(),
			server.each().Round(100*time.Nanosecond), bare.each().Round(100*time.Nanosecond), cheaper.each().Round(100*time.Nanosecond)),
		none("requests without a token", server.failed+bare.failed+cheaper.failed),
	}
}

// measureShared is S2: of those who ask the same at the same time, one waits for a signature.
func measureShared(ctx context.Context, b *bench) (checks []check, err error) {
	var plain, shared speed
	for _, each := range []struct {
		speed   *speed
		setting string
	}{{&plain, ""}, {&shared, "share_for: 30s"}} {
		p, err := b.start(ctx, &configuration{token: each.setting})
		if err != nil {
			return nil, err
		}
		err = errors.Join(new(speed).ask(ctx, b, p, warmUp), each.speed.ask(ctx, b, p, b.duration), p.stop())
		if err != nil {
			return nil, err
		}
	}
	return []check{
		rate("shared tokens, all the same", shared.rate(), plain.rate()).noted("≥ those that are not shared; a request takes %v of processor time instead of %v",
			shared.each().Round(100*time.Nanosecond), plain.each().Round(100*time.Nanosecond)),
		none("requests without a token", plain.failed+shared.failed),
	}, nil
}
