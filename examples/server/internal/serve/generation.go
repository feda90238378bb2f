package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/examples/server/internal/config"
	"github.com/berthpass/registry-auth/examples/server/internal/policy"
	"github.com/berthpass/registry-auth/token"
)

// A generation is everything that was made of one state of the configuration. It does not change.
type generation struct {
	cfg         *config.Config // what lasting returned
	users       int
	rules       int // those of services too
	tokens      http.Handler
	timeout     time.Duration // for one token request
	programs    bool          // some requests wait for a program
	renewed     []*token.AuthorityKeys
	endpoints   map[string]bool
	certificate *tls.Certificate
}

// newGeneration makes one, after its tests have passed. What outlives a generation is the Server's: refresh tokens, the bound
// on password checks, the count of wrong ones, metrics. The error is a [*config.PositionError], or several of them, when the
// configuration cannot be used; it is another one when a program has no answer to a test, which may be mended without a change.
func (s *Server) newGeneration(ctx context.Context, cfg *config.Config) (*generation, error) {
	if err := runTests(ctx, cfg); err != nil {
		return nil, err
	}
	authenticator, err := policy.Authenticator(cfg, s.checker)
	if err != nil {
		return nil, unusable(cfg, err)
	}
	if !cfg.Throttle.Disabled {
		authenticator = s.throttled(authenticator)
	}
	services := make(auth.ServiceMap, len(cfg.Token.Services))
	for name, service := range cfg.Token.Services {
		services[name] = service.Issuer
	}
	settings := auth.Config{
		InsecureAnyService: cfg.Token.AnyService,
		SharedKeysAllowed:  cfg.Token.SharedKey,
		Services:           services,
		Authenticator:      authenticator,
		AnonymousAllowed:   cfg.AnonymousAllowed,
		Authorizer:         policy.Authorizer(cfg),
		Timeout:            requestTimeout(cfg),
		RemoteAddr:         remoteAddr(cfg.Server.RealIP),
		Logger:             s.logger,
		Audit:              s.audit,
	}
	if !cfg.Refresh.Disabled {
		settings.RefreshTokens = s.refresh
	}
	tokens, err := auth.NewServer(settings)
	if err != nil {
		return nil, unusable(cfg, err)
	}
	g := &generation{
		cfg: lasting(cfg), users: len(cfg.Users), rules: countRules(cfg),
		tokens: tokens, timeout: settings.Timeout, programs: cfg.ExtAuth != nil || cfg.ExtAuthz != nil,
		renewed: cfg.Token.Renewed, endpoints: make(map[string]bool),
	}
	for _, path := range cfg.Server.EndpointPaths() {
		g.endpoints[path] = true
	}
	if cfg.Server.TLS != nil {
		g.certificate = cfg.Server.TLS.Certificate
	}
	return g, nil
}

// lasting returns what a server looks up in its configuration while it runs. Users, rules and keys are in the generation in
// the form that requests need; as they were read they would take as much memory again.
func lasting(cfg *config.Config) *config.Config {
	kept := *cfg
	kept.Users, kept.Rules, kept.Token, kept.Tests = nil, config.Rules{}, config.Token{}, nil
	return &kept
}

func countRules(cfg *config.Config) int {
	count := len(cfg.Rules.Positions)
	for _, service := range cfg.Token.Services {
		if service.Rules != nil {
			count += len(service.Rules.Positions)
		}
	}
	return count
}

// renewalFails reports whether it is time for a new signing key below an authority and there is none. Then the earlier one goes on,
// until it ends.
func (g *generation) renewalFails() bool {
	return slices.ContainsFunc(g.renewed, func(keys *token.AuthorityKeys) bool { return keys.Err() != nil })
}

// runTests runs the cases of the configuration.
func runTests(ctx context.Context, cfg *config.Config) error {
	report, err := policy.Test(ctx, cfg, cfg.Tests)
	if err != nil {
		return fmt.Errorf("run the tests: %w", err)
	}
	if len(report.Failures) == 0 {
		return nil
	}
	errs := []error{unusable(cfg, fmt.Errorf("%d of %d tests fail", len(report.Failures), report.Cases))}
	for _, failure := range report.Failures {
		errs = append(errs, failure)
	}
	return errors.Join(errs...)
}

// unusable is the error of a configuration as a whole.
func unusable(cfg *config.Config, err error) error {
	return &config.PositionError{Position: config.Position{File: cfg.File}, Err: err}
}

const (
	// leastRequestTimeout is enough for a request about which no program is asked.
	leastRequestTimeout = 10 * time.Second
	// ownTime is what a request may take besides the programs: a password check among others, and writing the answer.
	ownTime = 5 * time.Second
)

// requestTimeout bounds the work on one token request: the programs may take all of the time that is theirs.
func requestTimeout(cfg *config.Config) time.Duration {
	timeout := ownTime
	for _, program := range []*config.Command{cfg.ExtAuth, cfg.ExtAuthz} {
		if program != nil {
			timeout += program.Timeout
		}
	}
	return max(timeout, leastRequestTimeout)
}
