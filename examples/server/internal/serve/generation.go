package serve

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/examples/server/internal/config"
	"github.com/berthpass/registry-auth/examples/server/internal/policy"
	"github.com/berthpass/registry-auth/token"
)

// A generation is everything that was made of one state of the configuration. It does not change.
type generation struct {
	cfg         *config.Config
	tokens      http.Handler
	endpoints   map[string]bool
	certificate *tls.Certificate
}

// newGeneration makes one, after its tests have passed. What outlives a generation is the Server's: refresh tokens, the bound
// on password checks, the count of wrong ones, metrics.
func (s *Server) newGeneration(ctx context.Context, cfg *config.Config) (*generation, error) {
	report, err := policy.Test(ctx, cfg, cfg.Tests)
	if err != nil {
		return nil, fmt.Errorf("run the tests: %w", err)
	}
	if len(report.Failures) > 0 {
		return nil, fmt.Errorf("%d of %d tests fail:\n%s", len(report.Failures), report.Cases, strings.Join(report.Failures, "\n"))
	}
	authenticator, err := policy.Authenticator(cfg, s.checker)
	if err != nil {
		return nil, err
	}
	if !cfg.Throttle.Disabled {
		authenticator = s.throttled(authenticator)
	}
	settings := auth.Config{
		InsecureAnyService: cfg.Token.AnyService,
		SharedKeysAllowed:  cfg.Token.SharedKey,
		Services:           make(map[string]*token.Issuer, len(cfg.Token.Services)),
		Authenticator:      authenticator,
		AnonymousAllowed:   cfg.AnonymousAllowed,
		Authorizer:         policy.Authorizer(cfg),
		RemoteAddr:         addressOf,
		Logger:             s.logger,
		Audit:              s.audit,
	}
	for name, service := range cfg.Token.Services {
		settings.Services[name] = service.Issuer
	}
	if !cfg.Refresh.Disabled {
		settings.RefreshTokens = s.refresh
	}
	tokens, err := auth.NewServer(settings)
	if err != nil {
		return nil, err
	}
	g := &generation{cfg: cfg, tokens: tokens, endpoints: make(map[string]bool)}
	for _, path := range cfg.Server.EndpointPaths() {
		g.endpoints[path] = true
	}
	if cfg.Server.TLS != nil {
		g.certificate = cfg.Server.TLS.Certificate
	}
	return g, nil
}
