// Load asks a token server for tokens as a cluster does, and tells how fast the answers came. Without flags it starts a server
// of its own on the loopback address; with -url it asks any other, so that two can be compared:
//
//	go run ./examples/load
//	go run ./examples/load -scenario rollout -chart rollout.png
//	go run ./examples/load -url http://localhost:5001/token -service registry.example.com -users users.txt
//
// README.md tells what the numbers mean. The exit code is 0, or 1 when an answer was not as it should be or when there was none,
// or 2 when the command line is not understood.
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

	"github.com/berthpass/registry-auth/examples/internal/load"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	p := &program{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// A program is what it has to do with the world outside.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
}

// run is main, with everything from outside as a parameter. It returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	opts, err := p.parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err == nil {
		err = p.load(ctx, opts)
	}
	if err == nil {
		return exitOK
	}
	said := strings.TrimPrefix(err.Error(), "load: ") // package load says so too
	if errors.Is(err, errUsage) || errors.Is(err, load.ErrConfig) || errors.Is(err, load.ErrRemote) {
		fmt.Fprintf(p.stderr, "load: %s (-h helps)\n", said)
		return exitUsage
	}
	fmt.Fprintf(p.stderr, "load: %s\n", said)
	return exitFailed
}

// load plays the cluster and tells the result.
func (p *program) load(ctx context.Context, opts *options) (err error) {
	logger := p.logger(opts.quiet)
	people, err := p.readUsers(opts)
	if err != nil {
		return err
	}
	config := load.Config{URL: opts.url, Service: opts.service, RemoteAllowed: opts.remote}
	if opts.url == "" {
		own, failed := newServer(ctx, opts)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, own.Close()) }()
		config.URL, config.Service, config.Verify, people = own.URL, serviceName, own.verify, own.people
	}
	if err := opts.plan(ctx, &config, people); err != nil {
		return err
	}
	logger.Info("playing a cluster", slog.String("target", config.URL), slog.Int("nodes", opts.nodes),
		slog.Duration("for", opts.duration), slog.Bool("own_server", opts.url == ""))
	shown := p.progress(opts.quiet, logger)
	config.Progress, config.ProgressEvery = shown.show, shown.every
	report, err := load.Run(ctx, config)
	shown.end()
	if err != nil {
		return err
	}
	return p.tell(opts, report)
}

func (p *program) logger(quiet bool) *slog.Logger {
	level := slog.LevelInfo
	if quiet {
		level = slog.LevelWarn
	}
	return slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: level}))
}
