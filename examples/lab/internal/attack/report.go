package attack

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A Report is what all groups found.
type Report struct {
	Elapsed     time.Duration `json:"elapsed_ns"` // of the measuring, up to the last answer
	Interrupted bool          `json:"interrupted"`
	Groups      []GroupReport `json:"groups"`
}

// A GroupReport is what the clients of one group found after the warm-up.
type GroupReport struct {
	Name     string  `json:"name"`
	Clients  int     `json:"clients"`
	Requests int     `json:"requests"`   // that have ended
	Rate     float64 `json:"rate_per_s"` // until the last of them ended
	Tokens   int     `json:"tokens"`     // answers of status 200 that are right

	// The times are of all answers, whatever their status, and of timeouts.
	P50         time.Duration `json:"p50_ns"`
	P90         time.Duration `json:"p90_ns"`
	P99         time.Duration `json:"p99_ns"`
	P999        time.Duration `json:"p999_ns"`
	Max         time.Duration `json:"max_ns"`
	Percentiles []Point       `json:"percentiles"`

	Statuses   map[int]int    `json:"statuses"`
	Unanswered map[string]int `json:"unanswered"` // by refused, reset, closed, timeout and other
	Wrong      int            `json:"wrong"`      // answers, in the warm-up too
	Unsent     int            `json:"unsent"`     // requests of an open loop that were due
	Problems   []string       `json:"problems,omitempty"`

	Step   time.Duration `json:"step_ns"`
	Counts []int         `json:"counts"` // of answers in each step
}

// A Point says that a part of the answers came within a time.
type Point struct {
	Percent float64       `json:"percent"`
	Within  time.Duration `json:"within_ns"`
}

func (r *Report) add(t *tally) {
	r.Groups = append(r.Groups, t.finish())
	r.Elapsed = max(r.Elapsed, t.last)
}

// Requests is how many have ended in all groups.
func (r *Report) Requests() (n int) {
	for i := range r.Groups {
		n += r.Groups[i].Requests
	}
	return n
}

// Wrong is how many answers of all groups are wrong.
func (r *Report) Wrong() (n int) {
	for i := range r.Groups {
		n += r.Groups[i].Wrong
	}
	return n
}

// Problems are a few of each group.
func (r *Report) Problems() (list []string) {
	for i := range r.Groups {
		list = append(list, r.Groups[i].Problems...)
	}
	return list
}

// NoAnswers is how many requests got no answer.
func (g *GroupReport) NoAnswers() (n int) {
	for _, count := range g.Unanswered {
		n += count
	}
	return n
}

// Failed is how many requests got no token.
func (g *GroupReport) Failed() int { return g.Requests - g.Tokens }

// WriteText prints the report as tables.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "\tclients\trequests\tper second\tp50\tp90\tp99\tp99.9\tmax\t")
	for i := range r.Groups {
		g := &r.Groups[i]
		_, _ = fmt.Fprintf(t, "%s\t%d\t%d\t%.0f\t", g.Name, g.Clients, g.Requests, g.Rate)
		for _, d := range []time.Duration{g.P50, g.P90, g.P99, g.P999, g.Max} {
			_, _ = fmt.Fprintf(t, "%s\t", Short(d))
		}
		_, _ = fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "\n\tanswers\tno answer\twrong\tdue and not sent")
	for i := range r.Groups {
		g := &r.Groups[i]
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\n",
			g.Name, countsText(g.Statuses), countsText(g.Unanswered), g.Wrong, g.Unsent)
	}
	for _, p := range r.Problems() {
		_, _ = fmt.Fprintln(t, "problem: "+p)
	}
	if r.Interrupted {
		_, _ = fmt.Fprintln(t, "interrupted")
	}
	return t.Flush()
}

// Short prints a duration with three digits.
func Short(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case ms >= 1000:
		return fmt.Sprintf("%.2f s", ms/1000)
	case ms >= 100:
		return fmt.Sprintf("%.0f ms", ms)
	case ms >= 10:
		return fmt.Sprintf("%.1f ms", ms)
	default:
		return fmt.Sprintf("%.2f ms", ms)
	}
}

func countsText[K int | string](counts map[K]int) string {
	if len(counts) == 0 {
		return "none"
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%v: %d", key, counts[key]))
	}
	return strings.Join(parts, ", ")
}
