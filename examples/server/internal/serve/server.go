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

	"github.com/berthpass/registry-auth/examples/server/internal/conf"
	"github.com/berthpass/registry-auth/examples/server/internal/section"
)

// A Server is a running token server. It is safe for concurrent use; New makes one.
type Server struct {
	path     string
	getenv   func(string) string
	logger   *slog.Logger
	keeper   section.Keeper
	metrics  *metrics
	internal http.Handler

	// atStart and listens are of the configuration at the start, which says where to listen.
	atStart *conf.Document
	listens *section.Server

	current      atomic.Pointer[generation]
	stopping     atomic.Bool
	reloadFailed atomic.Bool
}

// New makes a server of the configuration in a file. Environment variables are looked up with
// getenv, at each reload too. The error is a [*conf.PositionError], or several, if only a change of
// the configuration corrects it.
func New(
	ctx context.Context, path string, getenv func(string) string, logger *slog.Logger,
) (*Server, error) {
	s := &Server{path: path, getenv: getenv, logger: logger}
	s.metrics = newMetrics(&s.current)
	s.internal = s.newInternal()
	setGrowth(getenv, loadGrowth)
	g, document, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	s.atStart, s.listens = document, g.Server
	s.swap(g)
	tidyMemory(getenv)
	return s, nil
}

// warn logs the warnings about the configuration.
func (s *Server) warn(g *generation) {
	for _, w := range g.Warnings {
		s.logger.LogAttrs(context.Background(), slog.LevelWarn, w.Text,
			slog.String("at", w.Position.String()))
	}
}

// Run listens and answers until ctx is done. Then the server is not ready any more. After the delay
// that the configuration has for it, no more requests are accepted, and those under way have ten
// seconds. The configuration is read again when its files change and when a signal comes. The error
// is a [*conf.PositionError] if the server cannot listen where the configuration says.
func (s *Server) Run(ctx context.Context, signals <-chan os.Signal) error {
	servers, err := s.listenAll(ctx)
	if err != nil {
		return err
	}
	s.warn(s.current.Load())
	ended := make(chan error, len(servers))
	for _, l := range servers {
		go func() { ended <- serveOn(l.server, l.listener) }()
	}
	s.logger.LogAttrs(ctx, slog.LevelInfo, "listening",
		slog.String("addr", servers[0].listener.Addr().String()),
		slog.Bool("tls", s.listens.TLS != nil), slog.Any("paths", s.listens.EndpointPaths()))
	for _, l := range servers[1:] {
		s.logger.LogAttrs(ctx, slog.LevelInfo, "listening for operators",
			slog.String("section", l.section), slog.String("addr", l.listener.Addr().String()))
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
		WriteTimeout:      15 * time.Second, // longer for a token request that waits for others
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ConnContext:       connections.begin,
		ConnState:         connections.state,
		ErrorLog:          log.New(errorLog{s.logger}, "", 0),
	}
}
