package doctor

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A report is what was found, a line each.
type report struct {
	lines []string
	fixes int
}

func (r *report) add(level, text string) {
	// What registries and files say goes to a terminal: no line breaks, no escapes.
	r.lines = append(r.lines, fmt.Sprintf("%-4s %s", level, printable(text)))
}

func (r *report) ok(format string, args ...any) { r.add("ok", fmt.Sprintf(format, args...)) }

func (r *report) note(format string, args ...any) { r.add("note", fmt.Sprintf(format, args...)) }

// fix adds what is wrong and what to change.
func (r *report) fix(what, change string, args ...any) {
	r.fixes++
	r.add("FIX", what+": "+fmt.Sprintf(change, args...))
}

func (r *report) write(w io.Writer) error {
	for _, line := range r.lines {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	return nil
}

func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if strconv.IsPrint(c) {
			return c
		}
		return '?'
	}, text)
}

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.Quote(name)
	}
	return strings.Join(quoted, ", ")
}
