package goals

import (
	"fmt"
	"time"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
)

// A check is one figure of a goal.
type check struct {
	What    string  `json:"what"`
	Got     float64 `json:"got"`
	Bound   float64 `json:"bound"`
	AtLeast bool    `json:"at_least"` // or at most
	Unit    string  `json:"unit"`
	// Timed says that the figure depends on what else the machine does. The others are about right
	// and wrong.
	Timed bool   `json:"timed"`
	Note  string `json:"note,omitempty"`
}

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
	return c.Got != than.Got && c.AtLeast == (c.Got > than.Got)
}

// used is the part of the bound that the figure uses up: more than 1 is a miss.
func (c check) used() float64 {
	switch {
	case c.AtLeast:
		return c.Bound / max(c.Got, 1e-9)
	case c.Bound == 0:
		return 2 * min(c.Got, 1)
	}
	return c.Got / c.Bound
}

func (c check) text(figure float64) string {
	if c.Unit == "s" {
		return attack.Short(time.Duration(figure * float64(time.Second))).String()
	}
	return fmt.Sprintf("%.5g%s", figure, c.Unit)
}

// atLeast is a rate.
func atLeast(what string, got, bound float64) check {
	return check{What: what, Got: got, Bound: bound, AtLeast: true, Unit: "/s", Timed: true}
}

// within is a time.
func within(what string, got, bound time.Duration) check {
	return check{What: what, Got: got.Seconds(), Bound: bound.Seconds(), Unit: "s", Timed: true}
}

// ratio is of two figures about time.
func ratio(what string, got, bound float64) check {
	return check{What: what, Got: got, Bound: bound, Timed: true}
}

// never is how often something happened that must not happen.
func never(what string, got int) check { return atMost(what, got, 0) }

// atMost is a number.
func atMost(what string, got, bound int) check {
	return check{What: what, Got: float64(got), Bound: float64(bound)}
}

// noted adds what else was seen.
func (c check) noted(format string, args ...any) check {
	c.Note = fmt.Sprintf(format, args...)
	return c
}
