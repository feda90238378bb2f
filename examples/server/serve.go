package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/berthpass/registry-auth/examples/server/internal/serve"
)

const serveHelp = `
Serves token requests at PREFIX/auth and PREFIX/auth/token, /healthz and /readyz, and metrics at the
address that the configuration has for them. Refresh tokens are kept in memory: after a restart
clients log in again.
`

func (p *program) serve(flags *flag.FlagSet) action {
	format := flags.String("log-format", "text", "log as text or json")
	var level slog.Level
	flags.TextVar(&level, "log-level", slog.LevelInfo, "the least that is logged: info, with a "+
		"line for each request; warn, without those that got a token; error")
	for _, name := range []string{"logtostderr", "alsologtostderr"} {
		flags.Bool(name, true, "accepted because docker_auth has it, and ignored")
	}
	flags.Int("v", 0, "accepted because docker_auth has it, and ignored")
	return func(ctx context.Context, args []string) error {
		options := &slog.HandlerOptions{Level: level}
		var handler slog.Handler
		switch *format {
		case "text":
			handler = slog.NewTextHandler(p.stderr, options)
		case "json":
			handler = slog.NewJSONHandler(p.stderr, options)
		default:
			return usageError("--log-format is text or json, and not %q", *format)
		}
		logger := slog.New(handler)
		slog.SetDefault(logger) // for the renewal of keys below an authority
		// From now on, so that a signal which comes early does not end the program.
		hangups := make(chan os.Signal, 1)
		signal.Notify(hangups, syscall.SIGHUP)
		defer signal.Stop(hangups)

		server, err := serve.New(ctx, args[0], p.getenv, logger)
		if err != nil {
			return err
		}
		return server.Run(ctx, hangups)
	}
}
