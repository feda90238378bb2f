// Command soak runs a token server and asks it for tokens, as fast as it answers and for as long as one likes. Everything is in
// one process and on the loopback address:
//
//	go run ./examples/soak -for 10m
//
// It checks each answer: an oracle works out anew what has to be granted, and every thousandth token goes to distribution's own
// access controller. In the end it tells the rate and the times, and whether memory, goroutines or open files have grown. The
// exit code is 1 when an answer was not as expected or something has grown, and 2 when it could not be run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// settings are what the flags say.
type settings struct {
	duration    time.Duration
	connections int
	users       int
}

// The most that is sensible on one machine.
const (
	maxConnections = 1000
	maxUsers       = 2000
)

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.DurationVar(&s.duration, "for", time.Minute, "how long, of which the first quarter is for warming up")
	flags.IntVar(&s.connections, "connections", 32, "how many clients ask at once, each on a connection of its own")
	flags.IntVar(&s.users, "users", 200, "how many users there are")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	problem := ""
	switch {
	case flags.NArg() > 0:
		problem = fmt.Sprintf("unexpected argument %q", flags.Arg(0))
	case s.duration < time.Second || s.duration > 24*time.Hour:
		problem = "-for is between 1s and 24h"
	case s.connections < 1 || s.connections > maxConnections:
		problem = fmt.Sprintf("-connections is between 1 and %d", maxConnections)
	case s.users < 1 || s.users > maxUsers:
		problem = fmt.Sprintf("-users is between 1 and %d", maxUsers)
	}
	if problem != "" {
		_, _ = fmt.Fprintln(stderr, "soak:", problem)
		return settings{}, errors.New(problem)
	}
	return s, nil
}

// run is the program, with its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	report, err := soak(ctx, s, stdout)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "soak:", err)
		return 2
	}
	if problems := report.print(stdout); problems > 0 {
		return 1
	}
	return 0
}
