package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/berthpass/registry-auth/examples/server/internal/config"
)

// listen opens the address. The error says where in the configuration it stands.
func (s *Server) listen(ctx context.Context, network, addr string, at config.Position) (net.Listener, error) {
	if network == "unix" {
		if err := removeStaleSocket(ctx, addr); err != nil {
			return nil, &config.PositionError{Position: at, Err: err}
		}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, network, addr)
	if err != nil {
		return nil, &config.PositionError{Position: at, Err: err}
	}
	return listener, nil
}

// removeStaleSocket removes the socket of a server that ended without doing so. Another file is not removed, nor is a socket at
// which somebody listens.
func removeStaleSocket(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there already, and is not a socket", path)
	}
	connection, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		_ = connection.Close()
		return fmt.Errorf("listen unix %s: %w", path, syscall.EADDRINUSE)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) { // somebody may listen: with other rights, or with too much to do
		return fmt.Errorf("%s is there already, and perhaps in use: %w", path, err)
	}
	return os.Remove(path)
}

// tlsConfig says how connections are encrypted, or is nil when they are not. The certificate is that of the current
// generation.
func (s *Server) tlsConfig() *tls.Config {
	settings := s.start.Server.TLS
	if settings == nil {
		return nil
	}
	t := &tls.Config{MinVersion: settings.MinVersion, CurvePreferences: settings.CurvePreferences, CipherSuites: settings.CipherSuites}
	if settings.LetsEncrypt == nil {
		t.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.current.Load().certificate, nil }
		return t
	}
	manager := &autocert.Manager{
		Prompt: autocert.AcceptTOS, Email: settings.LetsEncrypt.Email, Cache: autocert.DirCache(settings.LetsEncrypt.CacheDir),
	}
	if host := settings.LetsEncrypt.Host; host != "" {
		manager.HostPolicy = autocert.HostWhitelist(host)
	}
	t.GetCertificate = manager.GetCertificate
	t.NextProtos = []string{"h2", "http/1.1", acme.ALPNProto} // the proof of having the host is made on this port
	return t
}
