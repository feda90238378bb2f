package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/berthpass/registry-auth/examples/internal/load"
)

// shown is how progress is shown.
type shown struct {
	every time.Duration
	show  func(load.Progress)
	end   func()
}

// progress is a bar on a terminal, and a line now and then elsewhere.
func (p *program) progress(quiet bool, logger *slog.Logger) shown {
	file, ok := p.stderr.(*os.File)
	switch {
	case quiet:
		return shown{end: func() {}}
	case ok && term.IsTerminal(int(file.Fd())):
		return newBar(p.stderr)
	}
	return newLines(logger)
}

func newBar(w io.Writer) shown {
	const steps = 1000
	bar := progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetWidth(30),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionClearOnFinish(),
	)
	var r rate
	return shown{
		every: 200 * time.Millisecond,
		show: func(p load.Progress) {
			bar.Describe(fmt.Sprintf("%-8s %9d requests %7.0f/s %4d unexpected %4d without answer", p.Phase, p.Requests, r.since(p), p.Unexpected, p.Errors))
			_ = bar.Set(min(int(p.Done*steps), steps-1)) // it has ended when the report is there
		},
		end: func() { _ = bar.Finish() },
	}
}

func newLines(logger *slog.Logger) shown {
	var r rate
	return shown{
		every: 2 * time.Second,
		show: func(p load.Progress) {
			logger.Info(p.Phase, slog.String("done", fmt.Sprintf("%.0f%%", 100*p.Done)), slog.Uint64("requests", p.Requests),
				slog.Int("per_second", int(r.since(p))), slog.Uint64("unexpected", p.Unexpected), slog.Uint64("without_answer", p.Errors))
		},
		end: func() {},
	}
}

// A rate is that of the requests since the last look.
type rate struct{ last load.Progress }

func (r *rate) since(p load.Progress) float64 {
	requests, elapsed := p.Requests-r.last.Requests, p.Elapsed-r.last.Elapsed
	r.last = p
	if elapsed <= 0 {
		return 0
	}
	return float64(requests) / elapsed.Seconds()
}
