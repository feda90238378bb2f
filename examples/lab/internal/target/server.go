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
	"sync/atomic"
	"syscall"
	"time"

	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
	"github.com/berthpass/registry-auth/examples/lab/internal/registry"
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

	host, operators string
	registry        *registry.Registry
	cmd             *exec.Cmd
	ended           chan error // gets the error of the exit code, once
	watch           *watch
	begun           time.Time
}

// patience is how long a server may take to start or to end. It may have to read thousands of users.
const patience = 30 * time.Second

// Start runs the server and watches what it uses. Its log goes to a file, as that of a real one.
func (p *Program) Start(ctx context.Context, c Config) (s *Server, err error) {
	s = &Server{ended: make(chan error, 1), begun: time.Now()}
	if s.Folder, err = os.MkdirTemp(p.folder, "run-"); err != nil {
		return nil, err
	}
	if s.host, err = freeAddress(ctx); err != nil {
		return nil, err
	}
	if s.operators, err = freeAddress(ctx); err != nil {
		return nil, err
	}
	if err := c.write(s.Folder, s.host, s.operators); err != nil {
		return nil, err
	}
	s.URL, s.Service, s.Endpoint.Verify = "http://"+s.host+"/auth", Service, s.verify
	bundle := filepath.Join(s.Folder, "token.crt")
	if s.registry, err = registry.New(Service, Issuer, bundle); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(s.Folder, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.cmd = exec.Command(p.path, "config.yml") //nolint:gosec,noctx // ours; Stop ends it
	s.cmd.Dir, s.cmd.Stderr = s.Folder, log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.ended <- s.cmd.Wait() }()
	if err := s.ready(ctx); err != nil {
		said, _ := os.ReadFile(log.Name())
		return nil, errors.Join(fmt.Errorf("start the server: %w; its log: %s", err, said), s.end())
	}
	s.watch = s.startWatch()
	return s, nil
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
	url := "http://" + s.operators + "/readyz"
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		r.Close = true
		answer, err := clients.Do(http.DefaultClient, r)
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

// Stop ends the server. The error is that of its exit code.
func (s *Server) Stop() error {
	s.watch.stop()
	return s.end()
}

func (s *Server) end() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil { // Windows has no SIGTERM
		_ = s.cmd.Process.Kill()
	}
	kill := time.AfterFunc(patience, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	err := <-s.ended
	return errors.Join(err, os.RemoveAll(s.Folder))
}
