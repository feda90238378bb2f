package conf

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// A Position is a line of a file.
type Position struct {
	File string
	Line int // 0 for the file as a whole
}

// String returns the position as editors and compilers write it.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// A PositionError is a mistake in a configuration. Only a change of a file corrects it.
type PositionError struct {
	Position

	Err error
}

// Error returns one line.
func (p *PositionError) Error() string { return p.String() + ": " + p.Err.Error() }

// Unwrap returns the cause.
func (p *PositionError) Unwrap() error { return p.Err }

// A Warning is about something that works but is odd or risky.
type Warning struct {
	Position

	Text string
}

// String returns one line.
func (w Warning) String() string { return w.Position.String() + ": " + w.Text }

// maxMistakes is how many mistakes one error lists.
const maxMistakes = 20

// join makes one error of all mistakes, in the order of their lines, or returns nil.
func join(mistakes []*PositionError) error {
	slices.SortStableFunc(mistakes, func(a, b *PositionError) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	errs := make([]error, 0, maxMistakes+1)
	for _, m := range mistakes[:min(len(mistakes), maxMistakes)] {
		errs = append(errs, m)
	}
	if left := len(mistakes) - maxMistakes; left > 0 {
		errs = append(errs, fmt.Errorf("and %d problems more", left))
	}
	return errors.Join(errs...)
}

// withoutVerb shortens "open x: no such file or directory".
func withoutVerb(err error) error {
	if e := new(fs.PathError); errors.As(err, &e) {
		return fmt.Errorf("%s: %w", e.Path, e.Err)
	}
	return err
}
