package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"strings"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/examples/server/internal/serve"
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
		if *text == "" {
			return usageError("--scope: it is missing")
		}
		if r.Scope, err = scope.Parse(*text); err != nil {
			return usageError("--scope: %v", err)
		}
		cfg, err := serve.Load(args[0], p.getenv)
		if err != nil {
			return err
		}
		if err := p.complete(ctx, cfg, &r); err != nil {
			return err
		}
		explanation, err := cfg.Explain(ctx, r)
		fmt.Fprint(p.stdout, explanation)
		return err
	}
}

// complete adds what the configuration says about the subject, and notes where it says nothing.
func (p *program) complete(ctx context.Context, cfg *serve.Assembly, r *authz.Request) error {
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
	known, err := cfg.Policy.Subject(ctx, r.Subject.Name)
	if len(r.Subject.Labels) == 0 {
		r.Subject.Labels = known.Labels
	}
	switch {
	case errors.Is(err, authn.ErrNoLookup):
		fmt.Fprintln(p.stdout, "note: only a login tells whether there is somebody of that name, "+
			"and the labels; --label sets them")
	case errors.Is(err, authn.ErrNoMatch), errors.Is(err, authn.ErrRejected):
		fmt.Fprintln(p.stdout, "note: nobody of that name can log in; "+
			"requests are refused before the rules are asked")
	default:
		return err
	}
	return nil
}
