package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/examples/server/internal/config"
	"github.com/berthpass/registry-auth/token/refresh"
)

// A Server is a running token server. It is safe for concurrent use; New makes one.
type Server struct {
	start    *config.Config // what it was started with: where it listens does not change
	getenv   func(string) string
	logger   *slog.Logger
	checker  *password.Checker
	failures failureCount
	refresh  *refresh.Tokens // outlive generations: a reload does not lose them
	metrics  *metrics
	internal http.Handler
	admin    http.Handler

	current      atomic.Pointer[generation]
	stopping     atomic.Bool
	reloadFailed atomic.Bool
}

// New makes a server of a configuration. Environment variables are looked up with getenv at each reload. The error says which
// tests fail, or what cannot be used; it is a [*config.PositionError], or several, when the configuration has to be changed.
func New(ctx context.Context, cfg *config.Config, getenv func(string) string, logger *slog.Logger) (*Server, error) {
	settings := cfg.Refresh.Settings()
	settings.Store = refresh.NewMemoryStore()
	refreshTokens, err := refresh.New(settings)
	if err != nil {
		return nil, err
	}
	checker := &password.Checker{}
	s := &Server{
		start: lasting(cfg), getenv: getenv, logger: logger, checker: checker,
		failures: newFailureCount(), refresh: refreshTokens, metrics: newMetrics(checker),
	}
	s.metrics.registerRenewal(func() bool { return s.current.Load().renewalFails() })
	s.internal = s.newInternal()
	g, err := s.newGeneration(ctx, cfg)
	if err == nil {
		s.admin, err = s.newAdmin()
	}
	if err != nil {
		return nil, err
	}
	s.take(g)
	return s, nil
}

func (s *Server) take(g *generation) {
	s.current.Store(g)
	s.reloadFailed.Store(false)
	s.metrics.took(g)
}

// warn tells what the owner of the configuration should know.
func (s *Server) warn(g *generation) {
	for _, w := range g.cfg.Warnings {
		s.logger.LogAttrs(context.Background(), slog.LevelWarn, w.Text, slog.String("at", w.Position.String()))
	}
}

// Run listens and answers until ctx is done. Then the server is not ready any more, and after the delay that the configuration
// has for it no more requests are accepted, and those under way have ten seconds. The files of the configuration are watched, and
// read when a signal comes. The error is a [*config.PositionError] when the server cannot listen where the configuration says.
func (s *Server) Run(ctx context.Context, signals <-chan os.Signal) error {
	servers, err := s.listenAll(ctx)
	if err != nil {
		return err
	}
	s.warn(s.current.Load())
	s.tidyMemory()
	ended := make(chan error, len(servers))
	for _, l := range servers {
		go func() { ended <- serveOn(l.server, l.listener) }()
	}
	s.logger.LogAttrs(ctx, slog.LevelInfo, "listening", slog.String("addr", servers[0].listener.Addr().String()),
		slog.Bool("tls", s.start.Server.TLS != nil), slog.Any("paths", s.start.Server.EndpointPaths()))
	for _, l := range servers[1:] {
		s.logger.LogAttrs(ctx, slog.LevelInfo, "listening for operators", slog.String("addr", l.listener.Addr().String()))
	}

	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	go s.watch(watching, signals)
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	s.stopping.Store(true)
	s.logger.LogAttrs(ctx, slog.LevelInfo, "stopping")
	if err == nil {
		err = s.linger(ended)
	}
	return errors.Join(err, shutdown(servers))
}

func (s *Server) httpServer(handler http.Handler, encryption *tls.Config) *http.Server {
	const maxStreams = 100
	connections := s.newConnections()
	return &http.Server{
		Handler:           connections.handler(handler),
		TLSConfig:         encryption,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      15 * time.Second, // longer for a token request that waits for a program
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ConnContext:       connections.begin,
		ConnState:         connections.state,
		ErrorLog:          log.New(errorLog{s.logger}, "", 0),
	}
}
