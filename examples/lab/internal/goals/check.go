package goals

import (
	"fmt"
	"time"
)

// A check is one figure of a goal.
type check struct {
	What    string  `json:"what"`
	Got     float64 `json:"got"`
	Bound   float64 `json:"bound"`
	AtLeast bool    `json:"at_least"` // or at most
	Unit    unit    `json:"unit"`
	// Timed says that the figure depends on what else the machine does. The others are about right
	// and wrong.
	Timed bool   `json:"timed"`
	Note  string `json:"note,omitempty"`
}

// A unit is the name of one.
type unit string

const (
	perSecond unit = "1/s"
	seconds   unit = "s"
	number    unit = ""
	mebibytes unit = "bytes"
	ratio     unit = "ratio"
)

func (c check) met() bool { return c.tolerated(1) }

// tolerated reports whether the figure misses its bound by no more than a factor, if a machine that
// does other things can be the reason.
func (c check) tolerated(slack float64) bool {
	if !c.Timed {
		slack = 1
	}
	if c.AtLeast {
		return c.Got*slack >= c.Bound
	}
	return c.Got <= c.Bound*slack
}

// better reports whether c is further on the right side of the bound.
func (c check) better(than check) bool {
	if c.AtLeast {
		return c.Got > than.Got
	}
	return c.Got < than.Got
}

// used is the part of the bound that the figure uses up: more than 1 is a miss.
func (c check) used() float64 {
	switch {
	case c.AtLeast:
		return c.Bound / max(c.Got, 1e-9)
	case c.Bound == 0:
		return c.Got
	}
	return c.Got / c.Bound
}

func (u unit) text(f float64) string {
	switch u {
	case perSecond:
		return fmt.Sprintf("%.0f/s", f)
	case seconds:
		return shortSpan(time.Duration(f * float64(time.Second))).String()
	case mebibytes:
		return fmt.Sprintf("%.0f MiB", f/(1<<20))
	case ratio:
		return fmt.Sprintf("%.2f", f)
	default:
		return fmt.Sprintf("%.0f", f)
	}
}

// shortSpan has about three digits.
func shortSpan(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(10 * time.Microsecond)
}

// atLeast is a rate.
func atLeast(what string, got, bound float64) check {
	return check{What: what, Got: got, Bound: bound, AtLeast: true, Unit: perSecond, Timed: true}
}

// within is a time.
func within(what string, got, bound time.Duration) check {
	return check{What: what, Got: got.Seconds(), Bound: bound.Seconds(), Unit: seconds, Timed: true}
}

// never is how often something happened that must not happen.
func never(what string, got int) check { return atMost(what, got, 0) }

// atMost is a number.
func atMost(what string, got, bound int) check {
	return check{What: what, Got: float64(got), Bound: float64(bound), Unit: number}
}

// memory is the most that the server had.
func memory(resident float64) check {
	return check{What: "memory of the server", Got: resident, Bound: 150 << 20, Unit: mebibytes}
}

// verified is how many tokens a registry has accepted. Without any, the rest means nothing.
func verified(tokens int64) check {
	return check{
		What: "tokens verified by distribution", Got: float64(tokens), Bound: 1, AtLeast: true,
		Unit: number,
	}
}

// noted adds what else was seen.
func (c check) noted(format string, args ...any) check {
	c.Note = fmt.Sprintf(format, args...)
	return c
}
