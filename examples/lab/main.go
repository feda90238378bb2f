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
	p := &program{ctx, append(args, "")[0], args[min(1, len(args)):], stdout, stderr}
	switch p.command {
	case "load":
		return do(p, load.Parse, load.Run)
	case "soak":
		return do(p, soak.Parse, soak.Run)
	case "goals":
		return do(p, goals.Parse, goals.Run)
	case "-h", "--help", "help":
		_, _ = fmt.Fprint(stdout, usage)
		return exitOK
	}
	_, _ = fmt.Fprint(stderr, usage)
	return exitFailed
}

// A program is one call of run.
type program struct {
	ctx            context.Context //nolint:containedctx // parameters of do
	command        string
	args           []string
	stdout, stderr io.Writer
}

// do reads the options of a command with parse and gives them to work.
func do[Options any](
	p *program, parse func(*flag.FlagSet, []string) (Options, error),
	work func(ctx context.Context, o Options, stdout, stderr io.Writer) (well bool, err error),
) (code int) {
	flags := flag.NewFlagSet(p.command, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // -h goes to stdout, and a mistake to stderr
	options, err := parse(flags, p.args)
	if errors.Is(err, flag.ErrHelp) {
		_, _ = fmt.Fprintf(p.stdout, "The flags of lab %s:\n", p.command)
		flags.SetOutput(p.stdout)
		flags.PrintDefaults()
		return exitOK
	}
	well := false
	if err == nil {
		well, err = work(p.ctx, options, p.stdout, p.stderr)
	}
	switch {
	case err != nil:
		_, _ = fmt.Fprintf(p.stderr, "lab %s: %v\n", p.command, err)
		return exitFailed
	case !well:
		return exitMissed
	}
	return exitOK
}
