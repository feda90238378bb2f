package load

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteText prints the report as tables.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(cells ...string) { _, _ = fmt.Fprintln(t, strings.Join(cells, "\t")+"\t") }
	row("", "clients", "requests", "per second", "p50", "p90", "p99", "p99.9", "max", "bytes")
	for i := range r.Groups {
		g, l := &r.Groups[i], &r.Groups[i].Latency
		row(g.Name, strconv.Itoa(g.Clients), strconv.FormatUint(g.Requests, 10), fmt.Sprintf("%.0f", g.Rate),
			short(l.P50), short(l.P90), short(l.P99), short(l.P999), short(l.Max), fmt.Sprintf("%.0f", g.AnswerBytes))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row = func(cells ...string) { _, _ = fmt.Fprintln(t, strings.Join(cells, "\t")) }
	row("", "answers", "no answer", "unexpected", "looked at closely")
	for i := range r.Groups {
		g := &r.Groups[i]
		row(g.Name, list(g.Statuses), list(g.Errors), g.unexpected(), fmt.Sprintf("%d decoded, %d verified", g.Decoded, g.Verified))
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return r.writeNotes(w)
}

// writeNotes tells what does not fit into a table.
func (r *Report) writeNotes(w io.Writer) error {
	lines := []string{""}
	for i := range r.Groups {
		g := &r.Groups[i]
		if g.Unsent > 0 {
			lines = append(lines, fmt.Sprintf("%s: %d requests were due and never sent, since all connections waited: the server does not keep up", g.Name, g.Unsent))
		}
		if g.UsersExhausted {
			lines = append(lines, g.Name+": it ended early, when all users had logged in")
		}
	}
	for _, p := range r.Problems {
		lines = append(lines, "problem: "+p)
	}
	if r.Interrupted {
		lines = append(lines, "interrupted")
	}
	cpu := r.CPU.User + r.CPU.System
	lines = append(lines, fmt.Sprintf("%d requests in %v, %.0f/s in all; this process used %v of CPU time (%.2f processors), %v of it in the system",
		r.Requests(), r.Elapsed.Round(time.Millisecond), perSecond(float64(r.Requests()), r.Elapsed),
		cpu.Round(10*time.Millisecond), perSecond(cpu.Seconds(), r.Elapsed), r.CPU.System.Round(10*time.Millisecond)))
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

func (g *GroupReport) unexpected() string {
	switch {
	case g.Granted > 0:
		return fmt.Sprintf("%d (%d granted!)", g.Unexpected, g.Granted)
	case g.Unexpected > 0:
		return strconv.FormatUint(g.Unexpected, 10)
	}
	return "none"
}

func perSecond(n float64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return n / d.Seconds()
}

// short has three digits.
func short(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms >= 1000:
		return fmt.Sprintf("%.2f s", ms/1000)
	case ms >= 100:
		return fmt.Sprintf("%.0f ms", ms)
	case ms >= 10:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.2f ms", ms)
}

// list has the parts of a count.
func list[K cmp.Ordered](counts map[K]uint64) string {
	if len(counts) == 0 {
		return "none"
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%v: %d", key, counts[key]))
	}
	return strings.Join(parts, ", ")
}
