// Package target runs examples/server as a process, with a configuration of its own, and reads its
// memory, goroutines and open files from its metrics.
package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/distribution/distribution/v3/registry/auth"

	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
)

// A Program is examples/server, built.
type Program struct{ folder, path string }

// Build builds the program.
func Build(ctx context.Context) (*Program, error) {
	folder, err := os.MkdirTemp("", "lab-")
	if err != nil {
		return nil, err
	}
	p := &Program{folder: folder, path: filepath.Join(folder, "server")}
	if runtime.GOOS == "windows" {
		p.path += ".exe"
	}
	const pkg = "github.com/berthpass/registry-auth/examples/server"
	build := exec.CommandContext(ctx, "go", "build", "-o", p.path, pkg) //nolint:gosec // our folder
	if output, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("go build: %w\n%s", err, output), p.Remove())
	}
	return p, nil
}

// Remove deletes the program.
func (p *Program) Remove() error { return os.RemoveAll(p.folder) }

// A Server runs.
type Server struct {
	clients.Endpoint

	Folder   string       // with its configuration
	Verified atomic.Int64 // tokens that a registry has accepted

	operators string // address of metrics and readiness
	registry  auth.AccessController
	cmd       *exec.Cmd
	ended     chan error // gets the error of the exit code, once

	mu      sync.Mutex
	begun   time.Time // of watching what it uses
	samples []Usage
}

// patience is how long a server may take to start or to end. It may have thousands of users.
const patience = 30 * time.Second

// Run builds the program and lets use have a server.
func Run(ctx context.Context, c Config, use func(*Server) error) (err error) {
	p, err := Build(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Remove()) }()
	return p.Run(ctx, c, use)
}

// Run starts a server, lets use have it, and stops it. Its log goes to a file, as that of a real
// one. The error is also that of its exit code.
func (p *Program) Run(ctx context.Context, c Config, use func(*Server) error) (err error) {
	s := &Server{ended: make(chan error, 1)}
	if s.Folder, err = os.MkdirTemp(p.folder, "run-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.Folder)) }()
	host, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	if s.operators, err = freeAddress(ctx); err != nil {
		return err
	}
	if err := c.write(s.Folder, host, s.operators); err != nil {
		return err
	}
	s.URL, s.Service, s.Endpoint.Verify = "http://"+host+"/auth", Service, s.verify
	s.registry, err = newController(Service, Issuer, filepath.Join(s.Folder, "token.crt"))
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.Folder, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command(p.path, "config.yml") //nolint:gosec,noctx // ours; stop ends it
	s.cmd.Dir, s.cmd.Stderr = s.Folder, log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go func() { s.ended <- s.cmd.Wait() }()
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.ready(ctx); err != nil {
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("start the server: %w; its log: %s", err, said)
	}
	defer s.startWatch()()
	return use(s)
}

// freeAddress is one at which nobody listens.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		answer, err := s.ask(ctx, "/readyz")
		if err == nil && answer.Status == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case code := <-s.ended:
			s.ended <- code
			return fmt.Errorf("it has ended: %w", code)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil { // Windows has no SIGTERM
		_ = s.cmd.Process.Kill()
	}
	kill := time.AfterFunc(patience, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	return <-s.ended
}
