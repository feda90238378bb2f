package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"syscall"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
	"golang.org/x/net/netutil"

	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

// listening is a server and where it listens.
type listening struct {
	section  string // whose address it is
	server   *http.Server
	listener net.Listener
}

// listenAll opens all addresses: that for clients first, and those of sections.
func (s *Server) listenAll(ctx context.Context) (servers []listening, err error) {
	add := func(section, network, addr string, at conf.Position, server *http.Server) {
		if err != nil {
			return
		}
		var l net.Listener
		if l, err = s.listen(ctx, network, addr, at); err == nil {
			l = netutil.LimitListener(l, s.listens.MaxConnections)
			servers = append(servers, listening{section, server, l})
		}
	}
	add("server", s.listens.Net, s.listens.Addr, s.listens.At.Position, s.httpServer(s, s.tlsConfig()))
	for name, h := range s.current.Load().handlers() {
		add(name, "tcp", h.Addr, h.At, s.httpServer(s.section(name), nil))
	}
	if err != nil {
		for _, l := range servers {
			_ = l.listener.Close()
		}
		return nil, err
	}
	return servers, nil
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

// listen opens the address. The error says where in the configuration it stands.
func (s *Server) listen(
	ctx context.Context,
	network, addr string,
	at conf.Position,
) (net.Listener, error) {
	if network == "unix" {
		if err := removeStaleSocket(ctx, addr); err != nil {
			return nil, &conf.PositionError{Position: at, Err: err}
		}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, network, addr)
	if err != nil {
		return nil, &conf.PositionError{Position: at, Err: err}
	}
	return listener, nil
}

// removeStaleSocket removes the socket of a server that ended without doing so. Another file is not
// removed, nor is a socket at which somebody listens.
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
	if !errors.Is(err, syscall.ECONNREFUSED) { // somebody with other rights may listen
		return fmt.Errorf("%s is there already, and perhaps in use: %w", path, err)
	}
	return os.Remove(path)
}

// tlsConfig is how connections are encrypted, or nil. The certificate is that of the current
// generation.
func (s *Server) tlsConfig() *tls.Config {
	settings := s.listens.TLS
	if settings == nil {
		return nil
	}
	t := &tls.Config{
		MinVersion:       settings.MinVersion,
		CurvePreferences: settings.CurvePreferences,
		CipherSuites:     settings.CipherSuites,
	}
	if settings.LetsEncrypt == nil {
		t.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.current.Load().certificate, nil
		}
		return t
	}
	manager := &autocert.Manager{
		Prompt: autocert.AcceptTOS, Email: settings.LetsEncrypt.Email,
		Cache: autocert.DirCache(settings.LetsEncrypt.CacheDir),
	}
	if host := settings.LetsEncrypt.Host; host != "" {
		manager.HostPolicy = autocert.HostWhitelist(host)
	}
	t.GetCertificate = manager.GetCertificate
	// The proof of having the host is made on this port.
	t.NextProtos = []string{"h2", "http/1.1", acme.ALPNProto}
	return t
}
