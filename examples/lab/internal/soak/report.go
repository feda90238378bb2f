package soak

import (
	"errors"
	"fmt"
	"io"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
	"github.com/berthpass/registry-auth/examples/lab/internal/picture"
	"github.com/berthpass/registry-auth/examples/lab/internal/show"
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
			if bad := g.Wrong + g.NoAnswers(); bad > 0 {
				problems = append(problems, fmt.Sprintf("%s: %d wrong or missing answers", g.Name, bad))
				problems = append(problems, g.Problems...)
			}
		}
	}
	if r.Groups[0].Tokens == 0 || r.Verified == 0 {
		return append(problems, "it was stopped before it had warmed up")
	}
	window := (r.End.At - r.Warm.At) / windows
	warm := target.Lowest(r.Server, r.Warm.At-window, r.Warm.At)
	end := target.Lowest(r.Server, r.End.At-window, r.End.At)
	for _, g := range []struct {
		what           string
		from, to, most float64
	}{
		{"live bytes", warm, end, warm*mostGrowth + moreBytes},
		{"goroutines", r.Idle.Goroutines, r.End.Goroutines, r.Idle.Goroutines + moreGoroutines},
		{"open files", r.Idle.Files, r.End.Files, r.Idle.Files},
	} {
		if g.to > g.most {
			problems = append(problems, fmt.Sprintf("%s: from %.0f to %.0f", g.what, g.from, g.to))
		}
	}
	return problems
}

// tell prints the result and writes the files that were asked for.
func (o *Options) tell(r *result, stdout io.Writer) (well bool, err error) {
	r.Problems = r.judge()
	if err := r.WriteText(stdout); err != nil {
		return false, err
	}
	_, _ = fmt.Fprintf(stdout, "\ndistribution accepted %d tokens\nat start  %v\nwarm      %v\nat end    %v\n",
		r.Verified, r.Idle, r.Warm, r.End)
	for _, p := range r.Problems {
		_, _ = fmt.Fprintln(stdout, "WRONG     "+p)
	}
	if o.json != "" {
		err = show.JSON(o.json, r)
	}
	if o.picture != "" {
		panels := append([]picture.Panel{picture.Rate(r.Report)}, picture.Usage(r.Server)...)
		err = errors.Join(err, show.File(o.picture, func(w io.Writer) error {
			return picture.Draw(w, o.picture, panels...)
		}))
	}
	return len(r.Problems) == 0, err
}
