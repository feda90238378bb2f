package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// A command is a node of the tree from which dispatch, usage, help and the table in README.md come.
type command struct {
	name  string
	args  string // in the order of the command line: arguments, then flags
	short string // what it does
	exit  string // when the exit code is 1
	help  string
	start func(*flag.FlagSet) action // declares the flags
	subs  []command
}

// An action runs a command with its arguments, when its flags have been read.
type action func(ctx context.Context, args []string) error

func (p *program) commands() *command {
	return &command{
		name: "server",
		help: "A token server for container registries, with the configuration of docker_auth.",
		subs: []command{{
			name: "serve", args: "CONFIG", start: p.serve, help: serveHelp,
			short: "serve; CONFIG is read again when it changes, and on SIGHUP",
			exit:  "another try may help, as when a program has no answer to a test",
		}, {
			name: "check", args: "CONFIG", start: p.check, help: checkHelp,
			short: "say what is wrong or odd about a configuration, and run its tests",
			exit:  "a test fails",
		}, {
			name: "explain", args: "CONFIG --scope SCOPE", start: p.explain, help: explainHelp,
			short: "say what a subject is granted, and why",
		}, {
			name: "test", args: "CONFIG CASES", start: p.test, help: testHelp,
			short: "compare decisions with those expected in a file",
			exit:  "a case differs",
		}, {
			name: "doctor", args: "CONFIG --registry FILE", start: p.doctor, help: doctorHelp,
			short: "compare with the configuration of a registry",
			exit:  "there is something to change",
		}, {
			name: "hash", start: p.hash, help: hashHelp,
			short: "make a password hash",
		}, {
			name: "keygen", args: "--key FILE --cert FILE", start: p.keygen, help: keygenHelp,
			short: "make a signing key and its certificate",
		}},
	}
}

// run runs the command that the arguments name, or else the first.
func (c *command) run(ctx context.Context, p *program, args []string) error {
	if c.start != nil {
		return c.runWithFlags(ctx, p, args)
	}
	if len(args) == 0 || args[0] == "help" {
		c.usage(p.stderr)
		return exit{exitUsage, ""}
	}
	first, rest := args[0], args[1:]
	if slices.Contains([]string{"-h", "-help", "--help"}, first) {
		c.usage(p.stdout)
		return nil
	}
	for _, sub := range c.subs {
		if sub.name == first {
			return sub.run(ctx, p, rest)
		}
	}
	return c.subs[0].run(ctx, p, args)
}

// synopsis is how the command is called. The name of serve may be left out.
func (c *command) synopsis() string {
	return strings.TrimSpace("server " + strings.TrimPrefix(c.name+" "+c.args, "serve "))
}

func (c *command) usage(w io.Writer) {
	fmt.Fprintf(w, "%s\n\nUsage:\n", c.help)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, sub := range c.subs {
		fmt.Fprintf(table, "  %s\t%s\n", sub.synopsis(), sub.short)
	}
	_ = table.Flush() // as for the lines around it
	fmt.Fprint(w, `
"server COMMAND --help" tells more. The exit code is 0, or 1 as said there, or 2 if the command line
or the configuration is wrong.
`)
}

// runWithFlags reads flags and arguments in any order. Each argument in c.args is required.
func (c *command) runWithFlags(ctx context.Context, p *program, args []string) error {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	run := c.start(flags)
	var arguments []string
	for {
		err := flags.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			c.printHelp(p.stdout, flags)
			return nil
		case err != nil:
			return usageError("%v", err)
		}
		if flags.NArg() == 0 {
			break
		}
		arguments, args = append(arguments, flags.Arg(0)), flags.Args()[1:]
	}
	required, _, _ := strings.Cut(c.args, "--")
	names := strings.Fields(required)
	switch {
	case len(arguments) < len(names):
		return usageError("%s is missing", names[len(arguments)])
	case len(arguments) > len(names):
		return usageError("unexpected argument %q", arguments[len(names)])
	}
	return run(ctx, arguments)
}

func (c *command) printHelp(w io.Writer, flags *flag.FlagSet) {
	fmt.Fprintf(w, "Usage: %s\n%s\n", c.synopsis(), c.help)
	if c.exit != "" {
		fmt.Fprintf(w, "The exit code is 1 if %s.\n\n", c.exit)
	}
	flags.SetOutput(w)
	flags.PrintDefaults()
}
