package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/token"
)

// Config says for whom, about what and with which keys a [Server] issues tokens. Everything that is not set is the strict
// choice: without an Authenticator nobody can log in, and anonymous requests are refused unless they are allowed.
type Config struct {
	// Services are the registries that tokens are issued for. The key is the registry's name for itself, the "service" of its
	// challenge and the "aud" of the token; it is compared exactly. At least one is required, unless InsecureAnyService is set.
	//
	// Each service has an issuer of its own, with a key set of its own: zot checks neither issuer nor audience, so a token
	// for one registry opens every zot that trusts the same key.
	Services map[string]*token.Issuer
	// SharedKeysAllowed permits services whose key sets have a key in common when the server is made; later changes of the sets
	// are not compared. A token for one of them is then as good as a
	// token for another wherever the registry does not compare the audience.
	SharedKeysAllowed bool
	// InsecureAnyService, if set, issues the tokens for every service that is not among Services: the client's word for it
	// becomes the "aud". A token then proves nothing to a registry that it was not meant for but trusts the same key, so this
	// is only safe where a single registry does, or where all of them may share their tokens. A request without a service is
	// still refused.
	InsecureAnyService *token.Issuer

	// Authenticator finds out who asks. When it is nil, every request with credentials is refused.
	Authenticator authn.Authenticator
	// AnonymousAllowed lets requests without credentials through, as the anonymous subject, to the Authorizer. Otherwise
	// they are refused with 401. Requests with wrong or unreadable credentials are always refused.
	AnonymousAllowed bool
	// Authorizer decides what is granted. It is required; see [authz.AllowAll] and [authz.DenyAll].
	Authorizer authz.Authorizer
	// RefreshTokens issues and redeems refresh tokens. When it is nil there are none. The Authenticator must then be an
	// [authn.Directory], since each use looks the subject up.
	RefreshTokens *token.RefreshTokens

	// Realm is the text by which people recognise the server when their client asks for a password (RFC 7617). The default
	// is "registry".
	Realm string
	// Timeout bounds the work on one request, from the first byte of its body to its answer. The default is 10 seconds.
	Timeout time.Duration
	// RemoteAddr finds the client's address, for the authenticator, the authorizer and the audit. The default is the address
	// of the connection's peer; no header is trusted. Behind a proxy, set a function that trusts that proxy's header only.
	RemoteAddr func(r *http.Request) netip.Addr

	// Logger receives faults, and the audit unless Audit is set. The default is slog.Default(), looked up at each use.
	Logger *slog.Logger
	// Audit receives one record for each request, before the answer is sent. It is called concurrently, and is part of the
	// request: a slow one makes requests slow, and after a panic in it the client reads 500 and gets no token. Its context is
	// not ended by the request's timeout, nor by a client that leaves. The default is [AuditRecord.Log] with Logger.
	Audit func(ctx context.Context, record AuditRecord)
}

const (
	defaultRealm   = "registry"
	defaultTimeout = 10 * time.Second
)

// NewServer checks the configuration and returns a server for it. The error says what is missing or contradictory; a program
// should not start then. The maps in cfg must not be changed afterwards.
func NewServer(cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if cfg.Authenticator == nil {
		cfg.Authenticator = authn.Chain()
	}
	if cfg.Realm == "" {
		cfg.Realm = defaultRealm
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.RemoteAddr == nil {
		cfg.RemoteAddr = peerAddr
	}
	return &Server{cfg: cfg}, nil
}

func (cfg *Config) check() error {
	if len(cfg.Services) == 0 && cfg.InsecureAnyService == nil {
		return errors.New("no service is configured")
	}
	for name, issuer := range cfg.Services {
		if name == "" || issuer == nil {
			return fmt.Errorf("service %q: a service needs a name and an issuer", name)
		}
	}
	if cfg.Authorizer == nil {
		return errors.New("no authorizer is configured")
	}
	if cfg.Timeout < 0 {
		return fmt.Errorf("negative timeout %v", cfg.Timeout)
	}
	if _, ok := cfg.Authenticator.(authn.Directory); cfg.RefreshTokens != nil && !ok {
		return errors.New("refresh tokens need an authenticator that is an authn.Directory: each use looks the subject up")
	}
	if cfg.SharedKeysAllowed {
		return nil
	}
	return cfg.checkKeysNotShared()
}

func (cfg *Config) checkKeysNotShared() error {
	owner := make(map[string]string)
	names := make([]string, 0, len(cfg.Services))
	for name := range cfg.Services {
		names = append(names, name)
	}
	slices.Sort(names)
	if cfg.InsecureAnyService != nil {
		for _, key := range cfg.InsecureAnyService.Keys().Keys() {
			owner[key.ID()] = "any other"
		}
	}
	for _, name := range names {
		for _, key := range cfg.Services[name].Keys().Keys() {
			if other, taken := owner[key.ID()]; taken {
				return fmt.Errorf("services %q and %q share the key %s: give each its own, or set SharedKeysAllowed", other, name, key.ID())
			}
			owner[key.ID()] = name
		}
	}
	return nil
}

// logger looks the default up at each use, so that a program may set it after the server was made.
func (cfg *Config) logger() *slog.Logger {
	if cfg.Logger != nil {
		return cfg.Logger
	}
	return slog.Default()
}

// peerAddr is the address at the other end of the connection. The zero Addr stands for one without, such as a Unix socket.
func peerAddr(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap()
}
