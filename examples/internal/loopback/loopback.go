// Package loopback serves what a program asks itself, at a free port of this machine.
package loopback

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// A Server serves until Close.
type Server struct {
	// URL is where the handler is.
	URL string

	http   *http.Server
	served chan error
}

// Serve serves a handler at a path, with the limits that a server on the Internet has. The error is that of listening.
func Serve(ctx context.Context, path string, handler http.Handler) (*Server, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(path, handler)
	s := &Server{URL: "http://" + listener.Addr().String() + path, served: make(chan error, 1)}
	s.http = &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
	}
	go func() { s.served <- s.http.Serve(listener) }()
	return s, nil
}

// Close stops the server when it has answered what it was asked, and tells what went wrong since Serve. It is called once.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
