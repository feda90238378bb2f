package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"slices"

	"github.com/berthpass/registry-auth/examples/server/internal/conf"
	"github.com/berthpass/registry-auth/examples/server/internal/doctor"
	"github.com/berthpass/registry-auth/examples/server/internal/serve"
)

const doctorHelp = `
Compares the configuration with that of a registry, distribution's YAML or zot's JSON: makes a
token and checks it by the rules of that registry, asks the registry if it answers, and says in
one line each what to change.
`

func (p *program) doctor(flags *flag.FlagSet) action {
	var in doctor.Input
	flags.StringVar(&in.RegistryConfigPath, "registry", "",
		"`FILE` with the registry's configuration")
	flags.BoolVar(&in.Environment, "env", false,
		"apply the variables REGISTRY_... of this environment to it, as distribution does")
	flags.StringVar(&in.RegistryVersion, "registry-version", "", "`VERSION` of distribution: "+
		"2.8, 3.0 or 3.1 (default: what only some of them refuse is a note)")
	flags.StringVar(&in.RegistryURL, "url", "",
		"`URL` at which the registry answers (default: as its configuration says)")
	return func(ctx context.Context, args []string) error {
		if in.RegistryConfigPath == "" {
			return usageError("--registry is needed")
		}
		if !slices.Contains([]string{"", "2.8", "3.0", "3.1"}, in.RegistryVersion) {
			return usageError("--registry-version %q is none of 2.8, 3.0 and 3.1",
				in.RegistryVersion)
		}
		cfg, err := serve.Load(args[0], p.getenv)
		if err != nil {
			return err
		}
		if in.RegistryConfig, err = os.ReadFile(in.RegistryConfigPath); err != nil {
			return usageError("%v", err)
		}
		in.Issuer = func(service string) doctor.Issuer { return cfg.Token.Issuer(service) }
		in.Services, in.EndpointPaths = cfg.Token.ServiceNames(), cfg.Server.EndpointPaths()
		ok, err := doctor.Run(ctx, p.stdout, in)
		switch {
		case errors.Is(err, doctor.ErrUnreadable):
			position := conf.Position{File: in.RegistryConfigPath}
			return &conf.PositionError{Position: position, Err: err}
		case err == nil && !ok:
			return exit{exitFailed, ""}
		default:
			return err
		}
	}
}
