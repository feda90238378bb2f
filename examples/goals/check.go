package main

import (
	"fmt"
	"time"
)

// A check is one figure of a goal.
type check struct {
	what    string
	bound   float64
	got     float64
	atLeast bool // and otherwise at most
	unit    unit
	// timed says that it depends on what else the machine does. Otherwise it is about right and wrong.
	timed bool
	note  string // what else was seen
}

func (c check) met() bool {
	if c.atLeast {
		return c.got >= c.bound
	}
	return c.got <= c.bound
}

// tolerated reports whether the figure is off by no more than a factor, where a machine that does other things can be the reason.
func (c check) tolerated(slack float64) bool {
	switch {
	case c.met():
		return true
	case !c.timed:
		return false
	case c.atLeast:
		return c.got*slack >= c.bound
	}
	return c.got <= c.bound*slack
}

func (c check) better(than check) bool {
	if c.atLeast {
		return c.got > than.got
	}
	return c.got < than.got
}

// A unit prints a figure.
type unit func(float64) string

func perSecond(f float64) string { return fmt.Sprintf("%.0f/s", f) }
func percent(f float64) string   { return fmt.Sprintf("%.0f %%", 100*f) }
func number(f float64) string    { return fmt.Sprintf("%.0f", f) }
func factor(f float64) string    { return fmt.Sprintf("%.2f", f) }
func mebibytes(f float64) string { return fmt.Sprintf("%.0f MiB", f/(1<<20)) }

// span prints a time in seconds, with three digits.
func span(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

// rate is how much there is of something in a second.
func rate(what string, got, atLeast float64) check {
	return check{what: what, got: got, bound: atLeast, atLeast: true, unit: perSecond, timed: true}
}

// within is how long something takes.
func within(what string, got, atMost time.Duration) check {
	return check{what: what, got: got.Seconds(), bound: atMost.Seconds(), unit: span, timed: true}
}

// ratio is of two things that were timed.
func ratio(what string, got, atMost float64) check {
	return check{what: what, got: got, bound: atMost, unit: factor, timed: true}
}

// none is how often something happened that must not.
func none(what string, got uint64) check { return check{what: what, got: float64(got), unit: number} }

// bounded is a number that has a bound.
func bounded(what string, got, atMost int) check {
	return check{what: what, got: float64(got), bound: float64(atMost), unit: number}
}

// some is a number of things without which the rest would mean nothing.
func some(what string, got uint64) check {
	return check{what: what, got: float64(got), bound: 1, atLeast: true, unit: number}
}

// memory is what a process has resident at most.
func memory(what string, got, atMost int) check {
	return check{what: what, got: float64(got), bound: float64(atMost), unit: mebibytes}
}

// noted adds what else was seen.
func (c check) noted(format string, args ...any) check {
	c.note = fmt.Sprintf(format, args...)
	return c
}
