package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/refresh"
)

// An Issuer issues the access tokens of a service. A *[token.Issuer] is one; others can sign in a
// key management service, ask a remote signer, or reuse tokens (package token/share).
//
// Issue returns a token with the subject, the audience and the access of the request. An error is
// answered with 503. Issue is called concurrently and must return soon after ctx is done.
type Issuer interface {
	Issue(ctx context.Context, request token.Request) (token.Token, error)
}

// Config configures a [Server]. Unset fields are strict: without an Authenticator nobody can log
// in, and anonymous requests are refused unless they are allowed. All interfaces and functions are
// called concurrently.
type Config struct {
	// Services are the registries that tokens are issued for. The key is the "service" of a
	// registry's challenge, compared exactly, and becomes the "aud" of the token. At least one is
	// required, unless InsecureAnyService is set. Each needs an issuer with keys of its own: some
	// registries, such as zot, check neither issuer nor audience and would accept the tokens of
	// every service that shares their key.
	Services map[string]Issuer
	// SharedKeysAllowed lets services share a key. Otherwise NewServer refuses that, as far as
	// their issuers have a KeySet method like that of [token.Issuer].
	SharedKeysAllowed bool
	// InsecureAnyService, if set, issues tokens for all services that are not in Services. The
	// client chooses the name, which becomes the "aud". This is only safe if a single registry
	// trusts the key, or if all registries that trust it may accept each other's tokens.
	InsecureAnyService Issuer

	// Authenticator checks credentials. It is also asked about requests without any, since it may
	// recognize the connection. If it is nil, every request with credentials is refused.
	Authenticator authn.Authenticator
	// AnonymousAllowed passes requests without credentials to the Authorizer, as the anonymous
	// subject. Otherwise they are refused with 401. Wrong credentials are always refused.
	AnonymousAllowed bool
	// Authorizer decides what is granted. Required; see [authz.AllowAll] and [authz.DenyAll].
	Authorizer authz.Authorizer
	// RefreshTokens issues and redeems refresh tokens; if it is nil, there are none. Each use
	// confirms the subject, so the Authenticator must be an [authn.Directory] or an
	// [authn.Confirmer]. A chain, a cache or a throttle of one is one too.
	RefreshTokens *refresh.Tokens

	// BasicRealm is the realm of HTTP Basic, which a client may show when it asks for a password
	// (RFC 7617). The default is "registry".
	BasicRealm string
	// Timeout is the time for one request, including the reading of its body. Then the contexts of
	// the Authenticator, the Authorizer and the issuer are done. For a body, it takes the place of
	// [http.Server].ReadTimeout. The default is 10 seconds.
	Timeout time.Duration
	// RemoteAddr returns the client's address, for the authenticator, the authorizer and the audit.
	// The default is the peer address of the connection. Behind a proxy, set a function that trusts
	// only the header of that proxy.
	RemoteAddr func(r *http.Request) netip.Addr

	// Logger logs panics and other faults, and the audit unless Audit is set. The default is
	// slog.Default(), looked up at each use.
	Logger *slog.Logger
	// Audit gets one record of each request before the answer is sent, so a slow Audit delays the
	// answer. If it panics, the answer is 500 without a token. Its context is not canceled when the
	// client hangs up or the Timeout ends. The default is [AuditRecord.Log] with Logger.
	Audit func(ctx context.Context, record AuditRecord)
}

const defaultTimeout = 10 * time.Second

// NewServer returns a server. An error says which field is missing or not allowed. The map of
// services must not be changed afterwards.
func NewServer(config Config) (*Server, error) {
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("new server: %w", err)
	}
	if config.Authenticator == nil {
		config.Authenticator = authn.Chain()
	}
	config.BasicRealm = cmp.Or(config.BasicRealm, "registry")
	config.Timeout = cmp.Or(config.Timeout, defaultTimeout)
	if config.RemoteAddr == nil {
		config.RemoteAddr = reply.PeerAddr
	}
	return &Server{config: config}, nil
}

func (c *Config) check() error {
	for name, issuer := range c.Services {
		if name == "" || isNil(issuer) {
			return fmt.Errorf("service %q: a service needs a name and an issuer", name)
		}
	}
	_, directory := c.Authenticator.(authn.Directory)
	_, confirmer := c.Authenticator.(authn.Confirmer)
	switch {
	case c.InsecureAnyService == nil && len(c.Services) == 0:
		return errors.New("no service is configured")
	case c.InsecureAnyService != nil && isNil(c.InsecureAnyService):
		return errors.New("InsecureAnyService is a nil pointer")
	case c.Authorizer == nil:
		return errors.New("no authorizer is configured")
	case c.Timeout < 0:
		return fmt.Errorf("negative timeout %v", c.Timeout)
	case c.RefreshTokens != nil && !directory && !confirmer: // see authn.Confirm
		return errors.New("refresh tokens require an authn.Directory or authn.Confirmer")
	case c.SharedKeysAllowed:
		return nil
	}
	return c.checkKeysNotShared()
}

// isNil reports whether there is no issuer. A program that ignores the error of token.NewIssuer has
// a nil *token.Issuer.
func isNil(issuer Issuer) bool {
	pointer, ok := issuer.(*token.Issuer)
	return issuer == nil || ok && pointer == nil
}

func (c *Config) checkKeysNotShared() error {
	issuers := map[string]Issuer{"(any other)": c.InsecureAnyService}
	maps.Copy(issuers, c.Services)
	owner := make(map[string]string)
	for _, service := range slices.Sorted(maps.Keys(issuers)) {
		i, ok := issuers[service].(interface{ KeySet() *token.KeySet })
		if !ok || i.KeySet() == nil {
			continue
		}
		for _, key := range i.KeySet().Keys() {
			if other, taken := owner[key.ID()]; taken {
				return fmt.Errorf("services %q and %q share the key %s:"+
					" give each its own, or set SharedKeysAllowed", other, service, key.ID())
			}
			owner[key.ID()] = service
		}
	}
	return nil
}
