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
	cfg, err := serve.Load(arguments[0], p.getenv)
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

// complete fills in what the configuration says about who asks, and tells where it says nothing.
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
