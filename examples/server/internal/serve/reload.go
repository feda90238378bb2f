package serve

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

const (
	// watchInterval is how often the files are looked at. A file that is being written is read when it
	// has been the same for as long.
	watchInterval = time.Second
	// The first retry of a reload comes after minRetry, each later one after twice as long.
	minRetry, maxRetry = time.Second, time.Minute
)

// watch reloads until ctx is done: when files change, when a signal comes, and again when a reload
// failed for a reason that may go away, such as a program that was away.
func (s *Server) watch(ctx context.Context, signals <-chan os.Signal) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	read := s.atStart.Watched() // as of the last time that the files were read
	var changed map[string]conf.Fingerprint
	var retry <-chan time.Time
	var delay time.Duration
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
		case <-retry:
		case <-ticker.C:
			before := changed
			changed = conf.Again(read)
			if conf.Unchanged(changed, read) || !conf.Unchanged(changed, before) {
				continue
			}
			delay = 0
		}
		var err error
		read, err = s.reload(ctx)
		changed, retry = nil, nil
		if err != nil && !isMistake(err) {
			delay = min(max(2*delay, minRetry), maxRetry)
			retry = time.After(delay)
		}
	}
}

// isMistake reports whether only a change of the configuration corrects an error.
func isMistake(err error) bool {
	var mistake *conf.PositionError
	return errors.As(err, &mistake)
}

// reload reads the configuration, which takes over if it is in order and its tests pass. Otherwise
// the earlier one stays in force, and the log says why. It returns the files to watch from now on,
// as they were before they were read: of both configurations if this one is broken.
func (s *Server) reload(ctx context.Context) (read map[string]conf.Fingerprint, err error) {
	read = conf.Again(s.current.Load().Watched())
	g, document, err := s.load(ctx)
	if err == nil {
		s.takeOver(ctx, g)
		return document.Watched(), nil
	}
	tidyMemory(s.getenv)
	s.metrics.reloads.WithLabelValues("failed").Inc()
	s.metrics.succeeded.Set(0)
	s.reloadFailed.Store(true)
	for line := range strings.Lines(err.Error()) {
		s.logger.LogAttrs(ctx, slog.LevelError,
			"configuration not reloaded, the old one stays in force",
			slog.String("error", strings.TrimSpace(line)))
	}
	maps.Copy(read, document.Watched())
	return read, err
}

func (s *Server) takeOver(ctx context.Context, g *generation) {
	if g.certificate == nil {
		g.certificate = s.current.Load().certificate
	}
	for _, setting := range conf.ChangedAtStart(s.atStart, g.Document) {
		s.logger.LogAttrs(ctx, slog.LevelWarn, "a changed setting needs a restart",
			slog.String("setting", setting))
	}
	s.swap(g)
	tidyMemory(s.getenv)
	s.metrics.reloads.WithLabelValues("succeeded").Inc()
	s.warn(g)
	var counts []slog.Attr
	for _, c := range g.counts() {
		counts = append(counts, slog.Int(c.Name, c.Number))
	}
	s.logger.LogAttrs(ctx, slog.LevelInfo, "configuration reloaded", counts...)
}
