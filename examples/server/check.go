package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/berthpass/registry-auth/examples/server/internal/section"
	"github.com/berthpass/registry-auth/examples/server/internal/serve"
)

const checkHelp = `
Reads a configuration as the server does, prints what is wrong or odd about it, and runs its
tests. If there are tests, it also names the rules that none of them reaches.
`

func (p *program) check(*flag.FlagSet) action {
	return func(ctx context.Context, args []string) error {
		cfg, err := serve.Load(args[0], p.getenv)
		if err != nil {
			return err
		}
		for _, w := range cfg.Warnings {
			fmt.Fprintf(p.stdout, "%s: warning: %s\n", w.Position, w.Text)
		}
		if err := p.runCases(ctx, cfg, cfg.Tests.Cases); err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "%s is in order: %s, %d warnings\n",
			cfg.Path, cfg.Summary(), len(cfg.Warnings))
		return nil
	}
}

const testHelp = `
Compares what the rules of a configuration grant with what is expected in a file, a list of cases:

  - {account: alice, scope: "repository:alice/app:pull,push", granted: "pull,push"}
  - {scope: "repository:alice/app:pull", granted: ""} # anonymous
  - {account: bob, labels: {group: [devs]}, ip: 192.0.2.1, service: registry.example.com,
     scope: …, granted: …}
`

func (p *program) test(*flag.FlagSet) action {
	return func(ctx context.Context, args []string) error {
		cfg, err := serve.Load(args[0], p.getenv)
		if err != nil {
			return err
		}
		cases, err := cfg.Tests.ReadFile(args[1])
		if err != nil {
			return err
		}
		if err := p.runCases(ctx, cfg, cases); err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "%s: all %d cases are as expected\n", args[1], len(cases))
		return nil
	}
}

func (p *program) runCases(
	ctx context.Context, cfg *serve.Assembly, cases []section.Case,
) error {
	report, err := section.RunCases(ctx, cfg.Policy, cases)
	if err != nil {
		return err
	}
	for _, failure := range report.Failures {
		fmt.Fprintln(p.stderr, failure)
	}
	if len(cases) > 0 {
		for _, line := range cfg.Rules.Unreached(report.Requests) {
			fmt.Fprintln(p.stdout, line)
		}
	}
	if n := len(report.Failures); n > 0 {
		fmt.Fprintf(p.stderr, "%d of %d cases are not as expected\n", n, len(cases))
		return exit{exitFailed, ""}
	}
	return nil
}
