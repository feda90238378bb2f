package goals

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/berthpass/registry-auth/examples/lab/internal/picture"
)

// A row is a goal with its figures.
type row struct {
	ID     string  `json:"goal"`
	Checks []check `json:"checks"`
	Tries  int     `json:"tries"`
}

func (r *row) tolerated(slack float64) bool {
	return !slices.ContainsFunc(r.Checks, func(c check) bool { return !c.tolerated(slack) })
}

// mostTries is how often a goal is measured whose figures about time are missed.
const mostTries = 3

// repeat measures a goal until it is met, misses something that is not about time, or was measured
// often enough.
func (b *bench) repeat(ctx context.Context, g *goal) (row, error) {
	r := row{ID: g.id}
	for r.Tries < mostTries {
		r.Tries++
		b.doing.Store(fmt.Sprintf("%s: %s (%d)", g.id, g.about, r.Tries))
		checks, err := g.measure(ctx, b)
		if err = errors.Join(err, ctx.Err()); err != nil {
			return r, err
		}
		r.merge(checks)
		wrong := slices.ContainsFunc(r.Checks, func(c check) bool { return !c.Timed && !c.met() })
		if wrong || r.tolerated(1) {
			break
		}
	}
	return r, nil
}

// merge keeps the better one of each check about time, and the worse one of the others.
func (r *row) merge(checks []check) {
	if r.Checks == nil {
		r.Checks = checks
		return
	}
	for i, c := range checks {
		if c.better(r.Checks[i]) == c.Timed {
			r.Checks[i] = c
		}
	}
}

// writeTable prints a line for each figure, and how busy the machine was with other things before.
func writeTable(w io.Writer, rows []row, load string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "goal\twhat\thas to be\tmeasured\tverdict\tbesides")
	missed := 0
	for i := range rows {
		r := &rows[i]
		id := r.ID
		for _, c := range r.Checks {
			sign, tries, verdict := "≤", "", "met"
			if c.AtLeast {
				sign = "≥"
			}
			if c.Timed && r.Tries > 1 {
				tries = fmt.Sprintf(" (best of %d)", r.Tries)
			}
			if !c.met() {
				verdict = "MISSED"
			}
			_, _ = fmt.Fprintf(t, "%s\t%s\t%s %s\t%s%s\t%s\t%s\n",
				id, c.What, sign, c.text(c.Bound), c.text(c.Got), tries, verdict, c.Note)
			id = ""
		}
		if !r.tolerated(1) {
			missed++
		}
	}
	_, _ = fmt.Fprintf(t, "\n%d goals met, %d missed; ", len(rows)-missed, missed)
	_, _ = fmt.Fprintf(t, "the load of the machine was %s when it began\n", load)
	return t.Flush()
}

// tell prints the table and writes the files that were asked for.
func (o *Options) tell(rows []row, load string, stdout io.Writer) (well bool, err error) {
	well = true
	var bars []picture.Bar
	for i := range rows {
		well = well && rows[i].tolerated(o.slack)
		for _, c := range rows[i].Checks {
			bars = append(bars, picture.Bar{Name: rows[i].ID + " " + c.What, Value: c.used()})
		}
	}
	draw := func(w io.Writer) error { return picture.Bars(w, o.output.Picture, bars) }
	return well, errors.Join(writeTable(stdout, rows, load), o.output.Write(rows, draw))
}
