package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"

	"github.com/berthpass/registry-auth/examples/server/internal/config"
	"github.com/berthpass/registry-auth/examples/server/internal/doctor"
)

const doctorHelp = `Usage: server doctor CONFIG --registry FILE [--registry-version VERSION] [--url URL]

Compares the configuration with that of a registry, distribution's YAML or zot's JSON: makes a token and checks it by the rules
of that registry, asks the registry where it answers, and says in one line each what to change.

`

// doctor is the command that compares the two sides.
func (p *program) doctor(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("server doctor", flag.ContinueOnError)
	registry := flags.String("registry", "", "`FILE` with the registry's configuration")
	version := flags.String("registry-version", "", "`VERSION` of distribution: 2.8, 3.0 or 3.1 (default: what only some of them refuse is a note)")
	environment := flags.Bool("env", false, "apply the variables REGISTRY_... of this environment, as distribution does with its own")
	url := flags.String("url", "", "`URL` at which the registry answers (default: what its configuration says)")
	arguments, err := p.parse(flags, args, doctorHelp, "CONFIG")
	if err != nil {
		return err
	}
	if *registry == "" {
		return &usageError{"--registry is needed"}
	}
	if !slices.Contains([]string{"", "2.8", "3.0", "3.1"}, *version) {
		return &usageError{fmt.Sprintf("--registry-version %q is none of 2.8, 3.0 and 3.1", *version)}
	}
	cfg, err := config.Load(arguments[0], p.getenv)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(*registry)
	if err != nil {
		return &usageError{err.Error()}
	}
	ok, err := doctor.Run(ctx, p.stdout, doctor.Input{
		Issuer:             func(service string) doctor.Issuer { return cfg.Token.Issuer(service) },
		Services:           cfg.Token.ServiceNames(),
		EndpointPaths:      cfg.Server.EndpointPaths(),
		RegistryConfig:     content,
		RegistryConfigPath: *registry,
		RegistryVersion:    *version,
		RegistryURL:        *url,
		Environment:        *environment,
	})
	switch {
	case errors.Is(err, doctor.ErrUnreadable):
		return &config.PositionError{Position: config.Position{File: *registry}, Err: err}
	case err != nil:
		return err
	case !ok:
		return errFailed
	}
	return nil
}
