// Quickstart is a private registry with token authorization in one process: the token server at /token and distribution's
// registry at /v2/, on one port. It needs no file: the keys are generated and the images are kept in memory, or in a folder
// with -data.
//
//	go run ./examples/quickstart
//
// It prints what to try and then one line for each decision. The users and passwords are those of a story, and the
// connection is not encrypted: use it to see how the parts work together, and not to keep anything.
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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	os.Exit(code)
}

const (
	exitFailed = 1 // cannot start, or did not stop in order
	exitUsage  = 2 // the command line is not understood; what package flag uses too
)

// run is main with everything from outside as a parameter. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, err := parseOptions(args, stdout, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	}
	if err := serve(ctx, opts, stdout); err != nil {
		fmt.Fprintf(stderr, "quickstart: %v\n", err)
		return exitFailed
	}
	return 0
}

// options are what the command line says.
type options struct {
	addr string // where to listen, host:port
	data string // folder for the images; memory when empty
}

const usage = `A private registry with token authorization: a token server and a registry in one process, on one port.

Usage: quickstart [-addr HOST:PORT] [-data FOLDER]

`

func parseOptions(args []string, stdout, stderr io.Writer) (options, error) {
	var opts options
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.StringVar(&opts.addr, "addr", "localhost:5000", "listen on `HOST:PORT`; port 0 is any free one")
	flags.StringVar(&opts.data, "data", "", "keep the images in `FOLDER`, which is made if need be (default: in memory)")

	flags.SetOutput(io.Discard) // -h goes to stdout, a mistake to stderr
	err := flags.Parse(args)
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
	case err != nil:
		fmt.Fprintf(stderr, "quickstart: %v (-h helps)\n", err)
	}
	return opts, err
}
