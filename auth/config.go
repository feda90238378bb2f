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

// An Issuer makes the access tokens of a service. A *[token.Issuer] is one; others can sign in a
// key management service, ask a remote signer, or reuse tokens (package token/share).
//
// Issue returns a token that says what the request says. An error means that no token can be made
// now; the client reads 503. Issue is called concurrently and returns soon after ctx is done.
type Issuer interface {
	Issue(ctx context.Context, request token.Request) (token.Token, error)
}

// Config configures a [Server]. Unset fields are strict: without an Authenticator nobody can log
// in, and anonymous requests are refused unless they are allowed.
type Config struct {
	// Services are the registries that tokens are issued for. The key is the "service" of a
	// registry's challenge, compared exactly, and becomes the "aud" of the token. At least one is
	// required, unless InsecureAnyService is set. Each needs an issuer with keys of its own: zot
	// checks neither issuer nor audience, so a token for one registry opens every zot that trusts
	// the same key.
	Services map[string]Issuer
	// SharedKeysAllowed permits services with a key in common. NewServer compares the keys of
	// issuers that have a KeySet method, as [token.Issuer] does.
	SharedKeysAllowed bool
	// InsecureAnyService, if set, issues tokens for every other service, with the name that the
	// client chose as "aud". That is only safe if a single registry trusts the key, or if all that
	// trust it may share their tokens.
	InsecureAnyService Issuer

	// Authenticator finds out who asks. When it is nil, every request with credentials is refused.
	Authenticator authn.Authenticator
	// AnonymousAllowed passes requests without credentials to the Authorizer, as the anonymous
	// subject. Otherwise they are refused with 401. Wrong credentials are always refused.
	AnonymousAllowed bool
	// Authorizer decides what is granted. Required; see [authz.AllowAll] and [authz.DenyAll].
	Authorizer authz.Authorizer
	// RefreshTokens issues and redeems refresh tokens. If it is set, the Authenticator must be an
	// [authn.Directory] or an [authn.Confirmer], since each use confirms the subject.
	RefreshTokens *refresh.Tokens

	// BasicRealm is what people read when their client asks for a password (RFC 7617). The default
	// is "registry".
	BasicRealm string
	// Timeout bounds the work on one request, with the time to read its body. The default is 10
	// seconds.
	Timeout time.Duration
	// RemoteAddr returns the client's address, for the authenticator, the authorizer and the audit.
	// The default is the address of the connection's peer; no header is trusted. Behind a proxy,
	// set a function that trusts only that proxy's header.
	RemoteAddr func(r *http.Request) netip.Addr

	// Logger receives faults, and the audit unless Audit is set. The default is slog.Default(),
	// looked up at each use.
	Logger *slog.Logger
	// Audit receives one record for each request before the answer is sent. It is called
	// concurrently and delays the answer; when it panics, the client reads 500 and gets no token.
	// Its context does not end with the request. The default is [AuditRecord.Log] with Logger.
	Audit func(ctx context.Context, record AuditRecord)
}

const defaultTimeout = 10 * time.Second

// NewServer returns a server, or an error that says what is missing or contradictory in the
// configuration. The map of services must not be changed afterwards.
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
		return errors.New("refresh tokens need an authn.Directory or authn.Confirmer")
	case c.SharedKeysAllowed:
		return nil
	}
	return c.checkKeysNotShared()
}

// isNil reports whether there is no issuer. A nil *token.Issuer is what a program that ignores the
// error of token.NewIssuer has.
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
