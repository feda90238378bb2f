package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/berthpass/registry-auth/examples/server/internal/config"
	"github.com/berthpass/registry-auth/examples/server/internal/serve"
)

const serveHelp = `Usage: server CONFIG

Serves token requests at PREFIX/auth and PREFIX/auth/token, and /healthz, /readyz and /metrics.

`

// serve is the command that serves.
func (p *program) serve(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	format := flags.String("log-format", "text", "log as text or json")
	glogFlags(flags)
	arguments, err := p.parse(flags, args, serveHelp, "CONFIG")
	if err != nil {
		return err
	}
	var handler slog.Handler
	switch *format {
	case "text":
		handler = slog.NewTextHandler(p.stderr, nil)
	case "json":
		handler = slog.NewJSONHandler(p.stderr, nil)
	default:
		return &usageError{fmt.Sprintf("--log-format is text or json, and not %q", *format)}
	}
	logger := slog.New(handler)
	slog.SetDefault(logger) // where the keys below an authority, which come with a configuration, tell of their renewal
	// From now on, so that a signal which comes early does not end the program.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)

	p.collectSooner()
	cfg, err := config.Load(arguments[0], p.getenv)
	if err != nil {
		return err
	}
	server, err := serve.New(ctx, cfg, p.getenv, logger)
	if err != nil {
		return err
	}
	return errors.Join(server.Run(ctx, hangups), server.Close())
}

// collectSooner lets the heap grow by half and not to the double before it is collected, unless the environment says what to do.
// Rules and users live long and have few pointers, so that a collection of 100 000 and 10 000 takes 2 ms.
func (p *program) collectSooner() {
	const growth = 50 // percent
	if p.getenv("GOGC") == "" && p.getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(growth)
	}
}

// glogFlags accepts the flags for the log that docker_auth is often started with. They change nothing.
func glogFlags(flags *flag.FlagSet) {
	const help = "accepted because docker_auth has it, and ignored"
	flags.Bool("logtostderr", true, help)
	flags.Bool("alsologtostderr", true, help)
	flags.Int("v", 0, help)
}
