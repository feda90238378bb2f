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

// A GroupReport is what the clients of one group found after the warm-up. The times are of all
// answers, whatever their status, and of timeouts.
type GroupReport struct {
	Name        string        `json:"name"`
	Clients     int           `json:"clients"`
	Requests    int           `json:"requests"`   // that have ended
	Rate        float64       `json:"rate_per_s"` // until the last of them ended
	Tokens      int           `json:"tokens"`     // answers of status 200 that are right
	P50         time.Duration `json:"p50_ns"`
	P99         time.Duration `json:"p99_ns"`
	Max         time.Duration `json:"max_ns"`
	Percentiles []Point       `json:"percentiles"`
	Statuses    map[int]int   `json:"statuses"`
	Unanswered  int           `json:"unanswered"` // refused, reset, closed or timed out
	Wrong       int           `json:"wrong"`      // answers, in the warm-up too
	Unsent      int           `json:"unsent"`     // requests of an open loop that were due
	Problems    []string      `json:"problems,omitempty"`
	Step        time.Duration `json:"step_ns"`
	Counts      []int         `json:"counts"` // of answers in each step
}

// A Point says that a part of the answers came within a time.
type Point struct {
	Percent float64       `json:"percent"`
	Within  time.Duration `json:"within_ns"`
}

// Problems are a few of each group.
func (r *Report) Problems() (list []string) {
	for i := range r.Groups {
		list = append(list, r.Groups[i].Problems...)
	}
	return list
}

// Failed is how many requests got no token.
func (g *GroupReport) Failed() int { return g.Requests - g.Tokens }

// WriteText prints the report as a table.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "\tclients\trequests\tper second\tp50\tp99\tmax\tanswers\tno answer\t"+
		"wrong\tnot sent")
	for i := range r.Groups {
		g := &r.Groups[i]
		_, _ = fmt.Fprintf(t, "%s\t%d\t%d\t%.0f\t%v\t%v\t%v\t%s\t%d\t%d\t%d\n",
			g.Name, g.Clients, g.Requests, g.Rate, Short(g.P50), Short(g.P99), Short(g.Max),
			statuses(g.Statuses), g.Unanswered, g.Wrong, g.Unsent)
	}
	for _, p := range r.Problems() {
		_, _ = fmt.Fprintln(t, "problem: "+p)
	}
	if r.Interrupted {
		_, _ = fmt.Fprintln(t, "interrupted")
	}
	return t.Flush()
}

// Short rounds to about three digits.
func Short(d time.Duration) time.Duration {
	unit := 10 * time.Microsecond
	for limit := 10 * time.Millisecond; d >= limit && unit < 10*time.Millisecond; limit *= 10 {
		unit *= 10
	}
	return d.Round(unit)
}

func statuses(counts map[int]int) string {
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d: %d", status, counts[status]))
	}
	return strings.Join(parts, ", ")
}
