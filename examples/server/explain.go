package main

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"strings"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/examples/server/internal/config"
	"github.com/berthpass/registry-auth/examples/server/internal/policy"
	"github.com/berthpass/registry-auth/scope"
)

const explainHelp = `Usage: server explain CONFIG --scope SCOPE [--account NAME] [--ip ADDRESS] [--service NAME] [--label NAME=VALUE]...

Says what would be granted, which rule decides, and which rules are close: all but one of their conditions hold.

  server explain config.yml --account alice --scope repository:alice/app:pull,push

`

// explain is the command that says why.
func (p *program) explain(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("server explain", flag.ContinueOnError)
	account := flags.String("account", "", "`NAME` of who asks; without it, the anonymous subject asks")
	text := flags.String("scope", "", "`SCOPE` that is asked for, such as repository:alice/app:pull,push")
	address := flags.String("ip", "", "`ADDRESS` that the request comes from; without it, it is not known")
	service := flags.String("service", "", "`NAME` of the registry; may be left out when there is just one")
	labels := make(map[string][]string)
	flags.Func("label", "`NAME=VALUE` of who asks, in place of the configured ones; may be repeated", func(s string) error {
		name, value, found := strings.Cut(s, "=")
		if !found {
			return fmt.Errorf("%q is not NAME=VALUE", s)
		}
		labels[name] = append(labels[name], value)
		return nil
	})
	arguments, err := p.parse(flags, args, explainHelp, "CONFIG")
	if err != nil {
		return err
	}
	r := authz.Request{Subject: authn.Subject{Name: *account, Labels: labels}, Service: *service}
	if r.Scope, err = scope.Parse(*text); err != nil {
		return &usageError{"--scope: " + err.Error()}
	}
	if *address != "" {
		if r.RemoteAddr, err = netip.ParseAddr(*address); err != nil {
			return &usageError{fmt.Sprintf("--ip: %q is not an address", *address)}
		}
	}
	cfg, err := config.Load(arguments[0], p.getenv)
	if err != nil {
		return err
	}
	p.complete(cfg, &r)
	explanation, err := policy.Explain(ctx, cfg, r)
	fmt.Fprint(p.stdout, explanation)
	return err
}

// complete fills in what the configuration says about who asks, and tells where it says nothing.
func (p *program) complete(cfg *config.Config, r *authz.Request) {
	names := cfg.Token.ServiceNames()
	if r.Service == "" && len(names) == 1 {
		r.Service = names[0]
	}
	switch {
	case names != nil && r.Service == "":
		fmt.Fprintf(p.stdout, "note: --service is missing; there are %q\n", names)
	case cfg.Token.Issuer(r.Service) == nil:
		fmt.Fprintf(p.stdout, "note: no tokens are issued for the service %q; there are %q\n", r.Service, names)
	}
	enters, labels := account(cfg, r.Subject.Name)
	if len(r.Subject.Labels) == 0 {
		r.Subject.Labels = labels
	}
	if !enters {
		fmt.Fprintln(p.stdout, "note: nobody of that name can log in; requests are refused before the rules are asked")
	}
}

// account reports whether somebody of that name may be let in, and with which labels. The program of ext_auth is not asked about
// the anonymous subject, nor about users that are listed, disabled ones included.
func account(cfg *config.Config, name string) (enters bool, labels map[string][]string) {
	if name == "" {
		return cfg.AnonymousAllowed, cfg.AnonymousLabels
	}
	for i := range cfg.Users {
		if cfg.Users[i].Name == name {
			return !cfg.Users[i].Disabled, cfg.Users[i].Labels
		}
	}
	return cfg.ExtAuth != nil, nil
}
