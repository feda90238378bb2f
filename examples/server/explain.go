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

const explainHelp = `
Says what would be granted, which rule decides, and which rules are close: all but one of their
conditions hold.

  server explain config.yml --account alice --scope repository:alice/app:pull,push
`

func (p *program) explain(flags *flag.FlagSet) action {
	r := authz.Request{Subject: authn.Subject{Labels: make(map[string][]string)}}
	flags.StringVar(&r.Subject.Name, "account", "",
		"`NAME` of the subject; without it, the subject is anonymous")
	text := flags.String("scope", "", "`SCOPE` to ask for, such as repository:alice/app:pull")
	flags.TextVar(&r.RemoteAddr, "ip", netip.Addr{},
		"`ADDRESS` of the client; without it, it is not known")
	flags.StringVar(&r.Service, "service", "",
		"`NAME` of the registry; may be left out if there is just one")
	flags.Func("label", "`NAME=VALUE` of the subject, in place of the configured labels; "+
		"may be repeated", func(s string) error {
		name, value, found := strings.Cut(s, "=")
		if !found {
			return fmt.Errorf("%q is not NAME=VALUE", s)
		}
		r.Subject.Labels[name] = append(r.Subject.Labels[name], value)
		return nil
	})
	return func(ctx context.Context, args []string) (err error) {
		if r.Scope, err = scope.Parse(*text); err != nil {
			return usageError("--scope: %v", err)
		}
		cfg, err := config.Load(args[0], p.getenv)
		if err != nil {
			return err
		}
		p.complete(cfg, &r)
		explanation, err := policy.Explain(ctx, cfg, r)
		fmt.Fprint(p.stdout, explanation)
		return err
	}
}

// complete adds what the configuration says about the subject, and notes where it says nothing.
func (p *program) complete(cfg *config.Config, r *authz.Request) {
	names := cfg.Token.ServiceNames()
	if r.Service == "" && len(names) == 1 {
		r.Service = names[0]
	}
	switch {
	case names != nil && r.Service == "":
		fmt.Fprintf(p.stdout, "note: --service is missing; there are %q\n", names)
	case cfg.Token.Issuer(r.Service) == nil:
		fmt.Fprintf(p.stdout, "note: no tokens are issued for the service %q; there are %q\n",
			r.Service, names)
	}
	enters, labels := account(cfg, r.Subject.Name)
	if len(r.Subject.Labels) == 0 {
		r.Subject.Labels = labels
	}
	if !enters {
		fmt.Fprintln(p.stdout, "note: nobody of that name can log in; "+
			"requests are refused before the rules are asked")
	}
}

// account reports whether a user of that name may be let in, and with which labels. The program of
// ext_auth is not asked about the anonymous subject, nor about users that are listed.
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
