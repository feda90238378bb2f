// Server is a complete token server for container registries. Its configuration is the YAML file of docker_auth, with some keys
// more; README.md tells the differences, and reference.yml has all keys.
//
//	server config.yml           serve
//	server check config.yml     say what is wrong or odd about a configuration
//	server explain config.yml   say what somebody is granted, and why
//	server test config.yml cases.yml
//	server doctor config.yml --registry registry.yml
//	server hash                 make a password hash
//	server keygen               make a key and a certificate, for signing or for an authority
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

	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	p := &program{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}
	code := p.run(ctx, os.Args[1:])
	os.Exit(code)
}

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // tests fail, there is something to mend, or the server ended otherwise than it was told to
	exitUsage  = 2 // the command line or the configuration is wrong; nothing was done
)

// A program is what a command has to do with the world outside.
type program struct {
	stdin          *os.File
	stdout, stderr io.Writer
	getenv         func(string) string
}

const usage = `A token server for container registries, with the configuration of docker_auth.

Usage:
  server CONFIG                          serve; CONFIG is read again when it changes, and on SIGHUP
  server check CONFIG                    say what is wrong or odd about a configuration, and run its tests
  server explain CONFIG --scope SCOPE    say what somebody is granted, and why
  server test CONFIG CASES               compare decisions with those expected in a file
  server doctor CONFIG --registry FILE   compare with the configuration of a registry
  server hash                            make a password hash
  server keygen --key FILE --cert FILE   make a signing key and its certificate

"server COMMAND --help" tells more. The exit code is 0, or 1 when tests fail or there is something to mend, or 2 when the
command line or the configuration is wrong.
`

// run is main, with everything from outside as a parameter.
func (p *program) run(ctx context.Context, args []string) int {
	commands := map[string]func(context.Context, []string) error{
		"serve": p.serve, "check": p.check, "explain": p.explain, "test": p.test, "doctor": p.doctor, "hash": p.hash, "keygen": p.keygen,
	}
	if len(args) == 0 || args[0] == "help" {
		fmt.Fprint(p.stderr, usage)
		return exitUsage
	}
	if args[0] == "-h" || args[0] == "-help" || args[0] == "--help" {
		fmt.Fprint(p.stdout, usage)
		return exitOK
	}
	command := p.serve
	if c := commands[args[0]]; c != nil {
		command, args = c, args[1:]
	}
	return p.exitCode(command(ctx, args))
}

// exitCode tells what went wrong, one line for each thing, and turns it into an exit code.
func (p *program) exitCode(err error) int {
	var problem *conf.PositionError
	var wrong *usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.Is(err, errFailed): // it has been told
		return exitFailed
	case errors.As(err, &wrong):
		fmt.Fprintf(p.stderr, "server: %v (--help helps)\n", err)
		return exitUsage
	case errors.As(err, &problem):
		fmt.Fprintln(p.stderr, err)
		return exitUsage
	default:
		fmt.Fprintf(p.stderr, "server: %v\n", err)
		return exitFailed
	}
}

// errFailed means that a command has told what it found, and that this was not good.
var errFailed = errors.New("failed")

// A usageError says what is wrong with the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// parse reads flags and arguments in any order. There have to be as many arguments as there are names.
func (p *program) parse(flags *flag.FlagSet, args []string, help string, names ...string) ([]string, error) {
	flags.SetOutput(io.Discard)
	var arguments []string
	for {
		err := flags.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			fmt.Fprint(p.stdout, help)
			flags.SetOutput(p.stdout)
			flags.PrintDefaults()
			return nil, err
		case err != nil:
			return nil, &usageError{err.Error()}
		}
		if flags.NArg() == 0 {
			break
		}
		arguments, args = append(arguments, flags.Arg(0)), flags.Args()[1:]
	}
	switch {
	case len(arguments) < len(names):
		return nil, &usageError{names[len(arguments)] + " is missing"}
	case len(arguments) > len(names):
		return nil, &usageError{fmt.Sprintf("unexpected argument %q", arguments[len(names)])}
	}
	return arguments, nil
}
