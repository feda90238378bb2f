package serve

import (
	"context"
	"crypto/tls"
	"net/http"
	"sync/atomic"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/examples/server/internal/conf"
	"github.com/berthpass/registry-auth/examples/server/internal/section"
)

// A generation serves requests with one state of the configuration. It does not change.
type generation struct {
	*Assembly

	site        *section.Site
	tokens      http.Handler
	endpoints   map[string]bool
	certificate *tls.Certificate
	uses        atomic.Int64 // the requests under way, and one while it is current
}

// load reads the configuration and makes a generation that can take over. The Document is there
// with an error too, which is worth another try unless it has a position.
func (s *Server) load(ctx context.Context) (*generation, *conf.Document, error) {
	site := s.keeper.NewSite(s.logger, s.internal)
	cfg, err := section.Load(s.path, s.getenv, site)
	var g *generation
	if err == nil {
		g, err = s.newGeneration(ctx, assemble(cfg))
	}
	if err != nil {
		site.Release()
		return nil, cfg.Document, err
	}
	g.site = site
	return g, cfg.Document, nil
}

func (s *Server) newGeneration(ctx context.Context, a *Assembly) (*generation, error) {
	if err := a.accept(ctx); err != nil {
		return nil, err
	}
	settings := a.settings
	settings.Logger, settings.Audit = s.logger, s.audit
	tokens, err := auth.NewServer(settings)
	if err != nil {
		return nil, &conf.PositionError{Position: conf.Position{File: a.Path}, Err: err}
	}
	g := &generation{Assembly: a, tokens: tokens, endpoints: make(map[string]bool)}
	for _, path := range a.Server.EndpointPaths() {
		g.endpoints[path] = true
	}
	if a.Server.TLS != nil {
		g.certificate = a.Server.TLS.Certificate
	}
	return g, nil
}

// use returns the current generation, which stays open until release is called.
func (s *Server) use() *generation {
	for {
		g := s.current.Load()
		for uses := g.uses.Load(); uses > 0; uses = g.uses.Load() {
			if g.uses.CompareAndSwap(uses, uses+1) {
				return g
			}
		}
	}
}

// release closes what no other generation holds, after the last request.
func (g *generation) release() {
	if g.uses.Add(-1) == 0 {
		g.site.Release()
	}
}

// swap makes a generation the current one.
func (s *Server) swap(g *generation) {
	g.uses.Store(1)
	if before := s.current.Swap(g); before != nil {
		before.release()
	}
	s.reloadFailed.Store(false)
	s.metrics.loaded.SetToCurrentTime()
	s.metrics.succeeded.Set(1)
}
