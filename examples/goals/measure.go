package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

// mostTries is how often something that is about time is measured.
const mostTries = 3

// measureAll measures what the settings say, prints the table, and returns how many goals are missed by more than is tolerated.
func measureAll(ctx context.Context, s settings, stdout io.Writer, logger *slog.Logger) (failed int, err error) {
	b, err := newBench(ctx, s, logger)
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(b.folder)
	begun, before := time.Now(), lookAtProcessors()
	var rows []row
	for _, g := range goals() {
		if s.only != nil && !s.only[g.id] {
			continue
		}
		r := row{goal: g}
		if s.measured(&g) {
			if r.checks, r.tries, err = repeat(ctx, b, &g); err != nil {
				return 0, fmt.Errorf("%s: %w", g.id, err)
			}
		}
		if r.failed(s.slack) {
			failed++
		}
		rows = append(rows, r)
	}
	logger.Info("measured", slog.Duration("took", time.Since(begun).Round(time.Second)))
	return failed, writeTable(stdout, rows, lookAtProcessors().others(before))
}

// repeat measures a goal until it is met, or is missed by something that time does not mend, or often enough.
func repeat(ctx context.Context, b *bench, g *goal) (best []check, tries int, err error) {
	for tries < mostTries {
		tries++
		b.logger.Info("measuring", slog.String("goal", g.id), slog.Int("try", tries), slog.String("about", g.about))
		before := lookAtProcessors()
		checks, err := g.measure(ctx, b)
		if err == nil {
			err = ctx.Err()
		}
		others := percent(lookAtProcessors().others(before))
		if err != nil {
			return nil, tries, err
		}
		best = merge(best, checks)
		again := false
		for _, c := range best {
			if c.met() {
				continue
			}
			b.logger.Warn("missed", slog.String("goal", g.id), slog.String("what", c.what), slog.String("got", c.unit(c.got)), slog.String("other_programs_had", others))
			if !c.timed {
				return best, tries, nil
			}
			again = true
		}
		if !again {
			break
		}
	}
	return best, tries, nil
}

// merge keeps the better one of each timed check, and the worse one of the others.
func merge(best, now []check) []check {
	if best == nil {
		return now
	}
	for i, c := range now {
		if c.better(best[i]) == c.timed {
			best[i] = c
		}
	}
	return best
}
