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

const usage = `Usage: lab COMMAND [flags]

The commands, whose flags -h lists:
  load   plays a cluster that asks for tokens, and tells how fast the answers came
  soak   asks at full rate, and tells whether an answer is wrong or anything grows
  goals  measures the promises about speed and reliability: R1 to R6 of README.md
`

// run is main with everything from outside as a parameter.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	if len(args) == 0 {
		args = []string{""}
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard) // -h goes to stdout, and a mistake to stderr
	var well bool
	var err error
	switch args[0] {
	case "load":
		well, err = do(ctx, flags, args, load.Parse, load.Run, stdout, stderr)
	case "soak":
		well, err = do(ctx, flags, args, soak.Parse, soak.Run, stdout, stderr)
	case "goals":
		well, err = do(ctx, flags, args, goals.Parse, goals.Run, stdout, stderr)
	case "-h", "--help", "help":
		_, _ = fmt.Fprint(stdout, usage)
		return exitOK
	default:
		_, _ = fmt.Fprint(stderr, usage)
		return exitFailed
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = fmt.Fprintf(stdout, "The flags of lab %s:\n", args[0])
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return exitOK
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "lab %s: %v\n", args[0], err)
		return exitFailed
	case !well:
		return exitMissed
	}
	return exitOK
}

// do reads the options of a command with parse and gives them to work.
func do[Options any](
	ctx context.Context, flags *flag.FlagSet, args []string,
	parse func(*flag.FlagSet, []string) (Options, error),
	work func(ctx context.Context, o Options, stdout, stderr io.Writer) (well bool, err error),
	stdout, stderr io.Writer,
) (well bool, err error) {
	options, err := parse(flags, args[1:])
	if err != nil {
		return false, err
	}
	return work(ctx, options, stdout, stderr)
}
