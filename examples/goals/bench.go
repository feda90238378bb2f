package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/berthpass/registry-auth/examples/internal/load"
)

// A bench is what all measurements need.
type bench struct {
	logger   *slog.Logger
	folder   string // for files, removed in the end
	binary   string // of examples/server
	duration time.Duration
}

func newBench(ctx context.Context, s settings, logger *slog.Logger) (*bench, error) {
	folder, err := os.MkdirTemp("", "goals-")
	if err != nil {
		return nil, err
	}
	b := &bench{logger: logger, folder: folder, binary: filepath.Join(folder, "server"), duration: s.duration}
	logger.Info("building the server")
	build := exec.CommandContext(ctx, "go", "build", "-o", b.binary, "github.com/berthpass/registry-auth/examples/server") //nolint:gosec // the folder is ours
	if output, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("go build: %w\n%s", err, output), os.RemoveAll(folder))
	}
	return b, nil
}

// warmUp is how long clients ask before anything counts.
const warmUp = time.Second

// load asks a server.
func (b *bench) load(ctx context.Context, p *process, config load.Config) (*load.Report, error) {
	config.URL, config.Service = p.url, serviceName
	if p.registry != nil {
		config.Verify = p.verify
	}
	if config.Duration == 0 {
		config.Duration = b.duration
	}
	report, err := load.Run(ctx, config)
	if err != nil {
		return nil, err
	}
	for _, problem := range report.Problems {
		b.logger.Warn("unexpected", slog.String("problem", problem))
	}
	return report, ctx.Err()
}

// failures are the requests that should have got a token and did not.
func failures(g *load.GroupReport) uint64 { return g.Requests - g.Tokens }

// p99 is the time of the answers that 99 of 100 were not slower than. Where there was no answer it is the longest.
func p99(g *load.GroupReport) time.Duration {
	if len(g.Statuses) == 0 {
		return load.MaxDuration
	}
	return g.Latency.P99
}
