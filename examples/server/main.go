// Server is a complete token server for container registries. Its configuration is the YAML file of
// docker_auth with some more keys: README.md says what differs, and reference.yml has all keys. Run
// it with --help for its commands.
package main

import (
	"context"
	"errors"
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
	code := p.exitCode(p.commands().run(ctx, p, os.Args[1:]))
	os.Exit(code)
}

// A program is what a command needs of the world outside.
type program struct {
	stdin          *os.File
	stdout, stderr io.Writer
	getenv         func(string) string
}

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // nothing was done
)

// An exit is the end of a command. Without a text, the command has printed what there is to say.
type exit struct {
	code int
	text string
}

func (e exit) Error() string { return e.text }

func usageError(format string, args ...any) error {
	return exit{exitUsage, fmt.Sprintf(format, args...) + " (--help helps)"}
}

// exitCode prints an error, one line for each thing that is wrong.
func (p *program) exitCode(err error) int {
	var problem *conf.PositionError
	var end exit
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &problem):
		fmt.Fprintln(p.stderr, err)
		return exitUsage
	case !errors.As(err, &end):
		end = exit{exitFailed, err.Error()}
	}
	if end.text != "" {
		fmt.Fprintf(p.stderr, "server: %s\n", end.text)
	}
	return end.code
}
