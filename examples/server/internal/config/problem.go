package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// A Position is a line of a file.
type Position struct {
	File string
	Line int
}

// String returns the position as editors and compilers write it.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// A PositionError is what is wrong with a configuration, and where.
type PositionError struct {
	Position

	Err error
}

// Error returns one line.
func (p *PositionError) Error() string { return p.String() + ": " + p.Err.Error() }

// Unwrap returns the cause.
func (p *PositionError) Unwrap() error { return p.Err }

// A Warning is something that works, and that the owner should know of.
type Warning struct {
	Position

	Text string
}

// String returns one line.
func (w Warning) String() string { return w.Position.String() + ": " + w.Text }

// maxProblems is how many problems are reported at once: whoever reads more of them would not.
const maxProblems = 20

// joinProblems makes one error of all, in the order of their lines.
func joinProblems(problems []*PositionError) error {
	slices.SortStableFunc(problems, func(a, b *PositionError) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	left := len(problems) - maxProblems
	errs := make([]error, 0, maxProblems+1)
	for _, p := range problems[:min(len(problems), maxProblems)] {
		errs = append(errs, p)
	}
	if left > 0 {
		errs = append(errs, fmt.Errorf("and %d problems more", left))
	}
	return errors.Join(errs...)
}
