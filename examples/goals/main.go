// Goals measures what the library promises about speed and reliability, on this machine, and prints a table:
//
//	go run ./examples/goals                  # those that CI looks at, two minutes
//	go run ./examples/goals -nightly         # all of them
//	go run ./examples/goals -only R1,R4 -for 10s
//
// It builds examples/server, writes configuration files, runs the server as a process of its own, and asks it as clients do, with the
// load generator of examples/load. Some goals are about what a test shows better: the table names the test.
//
// The figures are for a machine with two processors, on which the server and its clients run. Machines are busy with other things
// at times: what is about time is measured again when it is missed, up to three times, and the best counts, which the table says. What
// is about right and wrong is measured once. README.md tells how to read the table.
//
// The exit code is 0, or 1 when a goal is missed (by more than -slack allows), or 2 when something could not be measured. It needs Linux and, to build the
// server, Go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// The exit codes.
const (
	exitMet    = 0
	exitMissed = 1
	exitFailed = 2
)

// run is main, with everything from outside as a parameter. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stdout, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitMet
	case err != nil:
		return exitFailed
	case s.bareBytes > 0:
		err = serveBare(ctx, s.bareBytes, stdout)
	default:
		var missed int
		if missed, err = measureAll(ctx, s, stdout, slog.New(slog.NewTextHandler(stderr, nil))); err == nil && missed > 0 {
			return exitMissed
		}
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "goals:", err)
		return exitFailed
	}
	return exitMet
}

// settings are what the flags say.
type settings struct {
	nightly   bool
	only      map[string]bool // nil for all
	duration  time.Duration
	slack     float64
	bareBytes int // serve answers of this size, and measure nothing
}

const usage = `Measures the goals about speed and reliability on this machine.

Usage: goals [flags]

The goals are
`

func parse(args []string, stdout, stderr io.Writer) (s settings, err error) {
	flags := flag.NewFlagSet("goals", flag.ContinueOnError)
	flags.BoolVar(&s.nightly, "nightly", false, "measure also what takes long")
	only := flags.String("only", "", "measure these `GOALS` alone, such as R1,R4; the nightly ones too")
	flags.DurationVar(&s.duration, "for", 4*time.Second, "how long each load is to last")
	flags.Float64Var(&s.slack, "slack", 1, "exit with 0 also when a goal that is about time is missed by no more than this `FACTOR`: for machines that do other things")
	if len(args) == 2 && args[0] == bareFlag { // for the program itself, so it is not among the flags
		_, err = fmt.Sscan(args[1], &s.bareBytes)
		return s, err
	}
	flags.SetOutput(io.Discard) // -h goes to stdout, a mistake to stderr
	switch err = flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		_, _ = fmt.Fprint(stdout, usage)
		for _, g := range goals() {
			_, _ = fmt.Fprintf(stdout, "  %-4s%s%s\n", g.id, g.about, g.when())
		}
		_, _ = fmt.Fprintln(stdout, "\nThe flags are")
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return s, err
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case s.slack < 1 || s.slack > 10:
		err = errors.New("-slack is between 1 and 10")
	case s.duration < time.Second || s.duration > 10*time.Minute:
		err = errors.New("-for is between 1s and 10m")
	case *only != "":
		s.only, err = parseOnly(*only)
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "goals: %v (-h helps)\n", err)
	}
	return s, err
}

func parseOnly(text string) (map[string]bool, error) {
	there := make(map[string]bool)
	for _, g := range goals() {
		there[g.id] = true
	}
	only := make(map[string]bool)
	for id := range strings.SplitSeq(text, ",") {
		if id = strings.ToUpper(strings.TrimSpace(id)); !there[id] {
			return nil, fmt.Errorf("there is no goal %q", id)
		}
		only[id] = true
	}
	return only, nil
}

// measured reports whether a goal is to be measured.
func (s settings) measured(g *goal) bool {
	if g.measure == nil {
		return false
	}
	if s.only != nil {
		return s.only[g.id]
	}
	return s.nightly || !g.nightly
}
