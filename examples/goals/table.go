package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// A row is a goal with what became of it.
type row struct {
	goal   goal
	checks []check // none if it was not measured
	tries  int
}

func (r *row) missed() bool {
	return slices.ContainsFunc(r.checks, func(c check) bool { return !c.met() })
}

// failed reports whether it is missed by more than is tolerated.
func (r *row) failed(slack float64) bool {
	return slices.ContainsFunc(r.checks, func(c check) bool { return !c.tolerated(slack) })
}

// writeTable prints a line for each figure, and one for each test that takes the place of figures; and which part of the processors
// other programs had meanwhile.
func writeTable(w io.Writer, rows []row, others float64) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "goal\twhat\thas to be\tmeasured\tverdict")
	missed, met := 0, 0
	for i := range rows {
		r := &rows[i]
		id := r.goal.id
		for _, c := range r.checks {
			_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", id, c.what, c.wanted(), c.measured(r.tries), c.verdict())
			id = ""
		}
		if len(r.checks) == 0 && r.goal.measure != nil {
			_, _ = fmt.Fprintf(t, "%s\t%s\t\t\tnot measured: nightly\n", id, r.goal.about)
			id = ""
		}
		for _, test := range r.goal.tests {
			_, _ = fmt.Fprintf(t, "%s\t%s\t\t%s\tby go test\n", id, r.goal.about, test)
			id = ""
		}
		if r.goal.command != "" {
			_, _ = fmt.Fprintf(t, "%s\t%s\t\t%s\tby command\n", id, r.goal.about, r.goal.command)
		}
		switch {
		case r.missed():
			missed++
		case len(r.checks) > 0:
			met++
		}
	}
	_, _ = fmt.Fprintf(t, "\n%d goals measured and met, %d missed; other programs had %s of the processors\n", met, missed, percent(others))
	return t.Flush()
}

func (c check) wanted() string {
	switch {
	case c.atLeast:
		return "≥ " + c.unit(c.bound)
	case c.bound == 0:
		return "0"
	}
	return "≤ " + c.unit(c.bound)
}

func (c check) measured(tries int) string {
	parts := []string{c.unit(c.got)}
	if c.timed && tries > 1 {
		parts = append(parts, fmt.Sprintf("(best of %d)", tries))
	}
	if c.note != "" {
		parts = append(parts, "["+c.note+"]")
	}
	return strings.Join(parts, " ")
}

func (c check) verdict() string {
	if c.met() {
		return "met"
	}
	return "MISSED"
}
