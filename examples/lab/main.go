// Lab runs examples/server as a process and looks at how it answers:
//
//	go run ./examples/lab load     # a cluster asks for tokens: how fast are the answers?
//	go run ./examples/lab soak     # at full rate for long: is any answer wrong, does anything grow?
//	go run ./examples/lab goals    # are the promises about speed and reliability kept?
//
// README.md says what the numbers mean. The exit code is 0, or 1 when an answer is wrong or a goal
// is missed, or 2 when the command line is wrong or something could not be run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/berthpass/registry-auth/examples/lab/internal/goals"
	"github.com/berthpass/registry-auth/examples/lab/internal/load"
	"github.com/berthpass/registry-auth/examples/lab/internal/soak"
)

// The exit codes.
const (
	exitOK     = 0
	exitMissed = 1
	exitFailed = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// A command reads its flags and runs. It reports whether all is well.
type command struct {
	name, short string
	run         runner
}

type runner func(
	ctx context.Context, flags *flag.FlagSet, args []string, stdout, stderr io.Writer,
) (well bool, err error)

func commands() []command {
	return []command{
		{
			"load", "plays a cluster that asks for tokens, and tells how fast the answers came",
			with(load.Parse, load.Run),
		},
		{
			"soak", "asks at full rate, and tells whether an answer is wrong or anything grows",
			with(soak.Parse, soak.Run),
		},
		{
			"goals", "measures the promises about speed and reliability: R1 to R6 of README.md",
			with(goals.Parse, goals.Run),
		},
	}
}

// with makes a command of two functions, of which the first reads the options for the second.
func with[Options any](
	parse func(*flag.FlagSet, []string) (Options, error),
	run func(ctx context.Context, o Options, stdout, stderr io.Writer) (bool, error),
) runner {
	return func(
		ctx context.Context, flags *flag.FlagSet, args []string, stdout, stderr io.Writer,
	) (bool, error) {
		options, err := parse(flags, args)
		if err != nil {
			return false, usageError{err}
		}
		return run(ctx, options, stdout, stderr)
	}
}

// A usageError is about the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run is main with everything from outside as a parameter.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	for _, c := range commands() {
		if c.name == name {
			return c.do(ctx, args[1:], stdout, stderr)
		}
	}
	to, code := stderr, exitFailed
	if name == "-h" || name == "--help" || name == "help" {
		to, code = stdout, exitOK
	}
	_, _ = fmt.Fprintln(to, "Usage: lab COMMAND [flags]\n\nCommands, whose flags -h lists:")
	for _, c := range commands() {
		_, _ = fmt.Fprintf(to, "  %-6s %s\n", c.name, c.short)
	}
	return code
}

func (c *command) do(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // -h goes to stdout, and a mistake to stderr
	flags.Usage = func() {
		_, _ = fmt.Fprintf(stdout, "lab %s %s.\n\n", c.name, c.short)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		flags.SetOutput(io.Discard)
	}
	well, err := c.run(ctx, flags, args, stdout, stderr)
	var usage usageError
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, &usage):
		_, _ = fmt.Fprintf(stderr, "lab %s: %v (-h helps)\n", c.name, err)
		return exitFailed
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "lab %s: %v\n", c.name, err)
		return exitFailed
	case !well:
		return exitMissed
	}
	return exitOK
}
