package soak

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
	"github.com/berthpass/registry-auth/examples/lab/internal/picture"
	"github.com/berthpass/registry-auth/examples/lab/internal/target"
)

// A result is what was found, as JSON too.
type result struct {
	*attack.Report

	WarmUp   *attack.Report `json:"warm_up"`
	Verified int64          `json:"verified"` // tokens that a registry has accepted
	Idle     target.Usage   `json:"idle"`     // before anybody asked
	Warm     target.Usage   `json:"warm"`     // after the warm-up
	End      target.Usage   `json:"end"`
	Server   []target.Usage `json:"server"`
	Problems []string       `json:"problems"`
}

const (
	mostGrowth     = 1.1
	moreBytes      = 8 << 20
	moreGoroutines = 10
	windows        = 6 // of the time after the warm-up
)

// judge finds what is wrong.
func (r *result) judge() (problems []string) {
	for _, report := range []*attack.Report{r.WarmUp, r.Report} {
		for i := range report.Groups {
			g := &report.Groups[i]
			if n := g.Wrong + g.Unanswered; n > 0 {
				text := fmt.Sprintf("%s: %d answers are wrong or missing", g.Name, n)
				problems = append(append(problems, text), g.Problems...)
			}
		}
	}
	if r.Groups[0].Tokens == 0 || r.Verified == 0 {
		return append(problems, "it was stopped before it had warmed up")
	}
	warm, end := r.lowest(r.Warm.At), r.lowest(r.End.At)
	for _, g := range []struct {
		what           string
		from, to, most float64
	}{
		{"memory", warm, end, warm*mostGrowth + moreBytes},
		{"goroutines", r.Idle.Goroutines, r.End.Goroutines, r.Idle.Goroutines + moreGoroutines},
		{"open files", r.Idle.Files, r.End.Files, r.Idle.Files},
	} {
		if g.to > g.most {
			problems = append(problems, fmt.Sprintf("%s: from %.0f to %.0f", g.what, g.from, g.to))
		}
	}
	return problems
}

// lowest is the least size at which the heap was to be collected, for a while until a time. One
// sample says little: a collection finds alive what requests hold at that moment.
func (r *result) lowest(until time.Duration) float64 {
	from, least := until-(r.End.At-r.Warm.At)/windows, math.Inf(1)
	for _, u := range r.Server {
		if u.At >= from && u.At <= until {
			least = min(least, u.NextGC)
		}
	}
	return least
}

// tell prints the result and writes the files that were asked for.
func (o *Options) tell(r *result, stdout io.Writer) (well bool, err error) {
	r.Problems = r.judge()
	err = r.WriteText(stdout)
	_, _ = fmt.Fprintf(stdout, "\ndistribution accepted %d tokens\n", r.Verified)
	_, _ = fmt.Fprintf(stdout, "at start  %v\nwarm      %v\nat end    %v\n", r.Idle, r.Warm, r.End)
	for _, p := range r.Problems {
		_, _ = fmt.Fprintln(stdout, "WRONG     "+p)
	}
	return len(r.Problems) == 0, errors.Join(err, o.output.Write(r, func(w io.Writer) error {
		panels := append([]picture.Panel{picture.Rate(r.Report)}, picture.Usage(r.Server)...)
		return picture.Draw(w, o.output.Picture, panels...)
	}))
}
