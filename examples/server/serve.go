package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/berthpass/registry-auth/examples/server/internal/serve"
)

const serveHelp = `Usage: server CONFIG

Serves token requests at PREFIX/auth and PREFIX/auth/token, /healthz and /readyz, and metrics at the
address that the configuration has for them.
Refresh tokens are kept in memory: after a restart clients log in again.

`

// serve is the command that serves.
func (p *program) serve(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	format := flags.String("log-format", "text", "log as text or json")
	var level slog.Level
	flags.TextVar(&level, "log-level", slog.LevelInfo, "the least that is logged: info, with a line for each request; warn, without those that got a token; error")
	glogFlags(flags)
	arguments, err := p.parse(flags, args, serveHelp, "CONFIG")
	if err != nil {
		return err
	}
	var handler slog.Handler
	options := &slog.HandlerOptions{Level: level}
	switch *format {
	case "text":
		handler = slog.NewTextHandler(p.stderr, options)
	case "json":
		handler = slog.NewJSONHandler(p.stderr, options)
	default:
		return &usageError{fmt.Sprintf("--log-format is text or json, and not %q", *format)}
	}
	logger := slog.New(handler)
	slog.SetDefault(logger) // where the keys below an authority, which come with a configuration, tell of their renewal
	// From now on, so that a signal which comes early does not end the program.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)

	server, err := serve.New(ctx, arguments[0], p.getenv, logger)
	if err != nil {
		return err
	}
	return server.Run(ctx, hangups)
}

// glogFlags accepts the flags for the log that docker_auth is often started with. They change nothing.
func glogFlags(flags *flag.FlagSet) {
	const help = "accepted because docker_auth has it, and ignored"
	flags.Bool("logtostderr", true, help)
	flags.Bool("alsologtostderr", true, help)
	flags.Int("v", 0, help)
}
