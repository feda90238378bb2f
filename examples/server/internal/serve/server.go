package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/examples/server/internal/config"
	"github.com/berthpass/registry-auth/token"
)

// A Server is a running token server. It is safe for concurrent use; New makes one.
type Server struct {
	start    *config.Config // what it was started with: where it listens does not change
	getenv   func(string) string
	logger   *slog.Logger
	checker  *password.Checker
	failures failureCount
	refresh  *token.RefreshTokens
	metrics  *metrics
	internal http.Handler

	current      atomic.Pointer[generation]
	stopping     atomic.Bool
	reloadFailed atomic.Bool
}

// New makes a server of a configuration. Environment variables are looked up with getenv at each reload. The error says which
// tests fail, or what cannot be used; it is a [*config.PositionError], or several, when the configuration has to be changed.
func New(ctx context.Context, cfg *config.Config, getenv func(string) string, logger *slog.Logger) (*Server, error) {
	refresh, err := token.NewRefreshTokens(token.RefreshConfig{
		Store: token.NewRefreshMemory(), IdleLifetime: cfg.Refresh.IdleLifetime, Lifetime: cfg.Refresh.Lifetime,
	})
	if err != nil {
		return nil, unusable(cfg, fmt.Errorf("refresh_tokens: %w", err))
	}
	checker := &password.Checker{}
	s := &Server{start: cfg, getenv: getenv, logger: logger, checker: checker, failures: newFailureCount(), refresh: refresh, metrics: newMetrics(checker)}
	s.internal = s.newInternal()
	g, err := s.newGeneration(ctx, cfg)
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

const shutdownTimeout = 10 * time.Second

// Run listens and answers until ctx is done. Then no more requests are accepted, and those under way have ten seconds. The
// files of the configuration are watched, and read when a signal comes. The error is a [*config.PositionError] when the server
// cannot listen where the configuration says.
func (s *Server) Run(ctx context.Context, signals <-chan os.Signal) error {
	listener, err := s.listen(ctx, s.start.Server.Net, s.start.Server.Addr, s.start.Server.At)
	if err != nil {
		return err
	}
	defer listener.Close()
	encryption := s.tlsConfig()
	main := s.httpServer(s, encryption)
	servers := []listening{{main, listener}}
	if addr := s.start.Metrics.Addr; addr != "" {
		own, err := s.listen(ctx, "tcp", addr, s.start.Metrics.At)
		if err != nil {
			return err
		}
		defer own.Close()
		servers = append(servers, listening{s.httpServer(s.internal, nil), own})
	}
	s.warn(s.current.Load())
	ended := make(chan error, len(servers))
	for _, l := range servers {
		go func() { ended <- serveOn(l.server, l.listener) }()
	}
	s.logger.LogAttrs(ctx, slog.LevelInfo, "listening", slog.String("addr", listener.Addr().String()),
		slog.Bool("tls", encryption != nil), slog.Any("paths", s.start.Server.EndpointPaths()))

	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	go s.watch(watching, signals)
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	s.stopping.Store(true)
	s.logger.LogAttrs(ctx, slog.LevelInfo, "stopping")
	return errors.Join(err, shutdown(servers))
}

func (s *Server) httpServer(handler http.Handler, encryption *tls.Config) *http.Server {
	const maxStreams = 100
	return &http.Server{
		Handler:           handler,
		TLSConfig:         encryption,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      15 * time.Second, // longer for a token request that waits for a program
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:          log.New(errorLog{s.logger}, "", 0),
	}
}

// listening is a server and where it listens.
type listening struct {
	server   *http.Server
	listener net.Listener
}

func serveOn(server *http.Server, l net.Listener) error {
	var err error
	if server.TLSConfig != nil {
		err = server.ServeTLS(l, "", "")
	} else {
		err = server.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// shutdown lets the requests that are under way finish. The address for metrics stays for as long as there is something to see.
func shutdown(servers []listening) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	var errs []error
	for _, l := range servers {
		if err := l.server.Shutdown(ctx); err != nil {
			_ = l.server.Close()
			errs = append(errs, fmt.Errorf("requests that were under way after %v are cut off: %w", shutdownTimeout, err))
		}
	}
	return errors.Join(errs...)
}
