package policy

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/authz/acl"
	"github.com/berthpass/registry-auth/examples/server/internal/config"
	"github.com/berthpass/registry-auth/examples/server/internal/program"
)

// Authenticator returns what finds out who asks: the users, then the program of ext_auth. Right passwords of users are
// remembered for a minute. The program cannot confirm what it said, so it runs for each login.
//
// The checker bounds how many passwords are compared at once, also across several configurations.
func Authenticator(cfg *config.Config, checker *password.Checker) (authn.Authenticator, error) {
	// The weak hashes among these are in the configuration's warnings already.
	users, err := static.New(static.Config{
		Users: cfg.Users, Checker: checker, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	members := []authn.Authenticator{authn.Cache(users, authn.CacheConfig{})}
	if cfg.ExtAuth != nil {
		members = append(members, newProgram(cfg, cfg.ExtAuth).Authenticator())
	}
	return authn.Chain(members...), nil
}

// Authorizer returns what decides: the rules of the service or the common ones, and then the program of ext_authz, which is asked
// about several scopes at once.
func Authorizer(cfg *config.Config) authz.BatchAuthorizer {
	members := []authz.Authorizer{rulesOfAll(cfg)}
	if cfg.ExtAuthz != nil {
		members = append(members, newProgram(cfg, cfg.ExtAuthz).Authorizer())
	}
	return anonymousLabels{cfg.AnonymousLabels, authz.First(members...)}
}

// rules decides by the list of the service. It has the lists and not the configuration, which is as large again and not needed
// any more. A list is nil where there are no rules.
type rules struct {
	common    *acl.List
	ofService map[string]*acl.List // of those that have rules of their own
}

func rulesOfAll(cfg *config.Config) rules {
	r := rules{common: cfg.Rules.List, ofService: make(map[string]*acl.List)}
	for name, service := range cfg.Token.Services {
		if service.Rules != nil {
			r.ofService[name] = service.Rules.List
		}
	}
	return r
}

func (r rules) Authorize(ctx context.Context, request authz.Request) (authz.Decision, error) {
	list, own := r.ofService[request.Service]
	if !own {
		list = r.common
	}
	if list == nil {
		return authz.Decision{NoMatch: true}, nil
	}
	return list.Authorize(ctx, request)
}

// rulesOf returns the rules that apply to a service.
func rulesOf(cfg *config.Config, service string) *config.Rules {
	if s := cfg.Token.Services[service]; s != nil && s.Rules != nil {
		return s.Rules
	}
	return &cfg.Rules
}

// anonymousLabels gives the anonymous subject the labels that the configuration has for it.
type anonymousLabels struct {
	labels map[string][]string
	next   authz.BatchAuthorizer
}

func (a anonymousLabels) Authorize(ctx context.Context, r authz.Request) (authz.Decision, error) {
	return a.next.Authorize(ctx, a.complete(r))
}

func (a anonymousLabels) AuthorizeBatch(ctx context.Context, requests []authz.Request) ([]authz.Decision, error) {
	completed := make([]authz.Request, len(requests))
	for i, r := range requests {
		completed[i] = a.complete(r)
	}
	return a.next.AuthorizeBatch(ctx, completed)
}

func (a anonymousLabels) complete(r authz.Request) authz.Request {
	if r.Subject.Anonymous() && r.Subject.Labels == nil {
		r.Subject.Labels = a.labels
	}
	return r
}

// newProgram makes a program of a command. The secrets in the environment are the server's own.
func newProgram(cfg *config.Config, c *config.Command) *program.Program {
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(cfg.SecretVariables, name)
	})
	return program.New(program.Config{Path: c.Path, Args: c.Args, Env: env, Timeout: c.Timeout, MaxRunning: c.MaxRunning})
}
