package main

import (
	"fmt"
	"io"
	"time"
)

const (
	mostGrowth = 0.10 // of the heap
	// fewGoroutines may come and go with a guess that is under way.
	fewGoroutines = 10
)

// print writes the report and returns the number of problems.
func (r *report) print(w io.Writer) int {
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	c := r.counts
	if seconds := r.elapsed.Seconds(); seconds > 0 {
		line("rate         %.0f tokens/s after warming up, for %v", float64(r.times.Count())/seconds, r.elapsed.Round(100*time.Millisecond))
	}
	line("times        p50 %v, p95 %v, p99 %v", r.times.Percentile(50), r.times.Percentile(95), r.times.Percentile(99))
	line("answers      %d tokens, %d of them for refresh tokens; %d guesses refused, %d throttled and %d put off; %d tokens shown to distribution",
		c.tokens.Load(), c.refreshed.Load(), c.refused.Load(), c.throttled.Load(), c.putOff.Load(), c.verified.Load())
	line("at start     %v", r.idle)
	line("warmed up    %v", r.warm)
	line("at the end   %v", r.end)
	line("stopped      %v", r.left)
	problems := r.problems()
	for _, p := range problems {
		line("WRONG        %s", p)
	}
	if len(problems) == 0 {
		line("all is well")
	}
	return len(problems)
}

// problems are what makes the exit code 1.
func (r *report) problems() []string {
	var list []string
	if c := r.counts; c.problems > 0 {
		list = append(list, fmt.Sprintf("%d answers are not as expected, of which", c.problems))
		list = append(list, c.first...)
	}
	if r.times.Count() == 0 {
		return append(list, "it was stopped before it had warmed up")
	}
	if float64(r.end.heap) > (1+mostGrowth)*float64(r.warm.heap) {
		list = append(list, fmt.Sprintf("the heap has grown by %.0f %%", 100*(float64(r.end.heap)/float64(r.warm.heap)-1)))
	}
	for _, g := range []struct {
		what       string
		from, to   int
		acceptable int
	}{
		{"goroutines while it ran", r.warm.goroutines, r.end.goroutines, fewGoroutines},
		{"open files while it ran", r.warm.files, r.end.files, 0},
		{"goroutines when it was stopped", r.idle.goroutines, r.left.goroutines, 0},
		{"open files when it was stopped", r.idle.files, r.left.files, 0},
	} {
		if g.to > g.from+g.acceptable {
			list = append(list, fmt.Sprintf("%s: from %d to %d", g.what, g.from, g.to))
		}
	}
	return list
}
