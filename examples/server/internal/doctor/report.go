package doctor

import (
	"fmt"
	"strconv"
	"strings"
)

// A report has one line for each finding.
type report struct {
	lines strings.Builder
	fixes int
}

func (r *report) ok(format string, args ...any) { r.add("ok   ", fmt.Sprintf(format, args...)) }

func (r *report) note(format string, args ...any) { r.add("note ", fmt.Sprintf(format, args...)) }

// fix says what is wrong, and after a colon what to change.
func (r *report) fix(format string, args ...any) {
	r.fixes++
	r.add("FIX  ", fmt.Sprintf(format, args...))
}

// add replaces line breaks and escapes: what registries and files say goes to a terminal.
func (r *report) add(level, text string) {
	printable := func(c rune) rune {
		if strconv.IsPrint(c) {
			return c
		}
		return '?'
	}
	r.lines.WriteString(level + strings.Map(printable, text) + "\n")
}

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.Quote(name)
	}
	return strings.Join(quoted, ", ")
}
