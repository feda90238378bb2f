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

// Services has the issuers of all services.
type Services interface {
	// Issuer returns the issuer of a service. The error wraps [ErrUnknownService] for a service that
	// is not served, which is answered with 400. Any other error is answered with 503.
	Issuer(ctx context.Context, service string) (Issuer, error)
}

// ErrUnknownService means that no tokens are issued for a service.
var ErrUnknownService = errors.New("this server issues no tokens for the service")

// A ServiceMap has the issuer of each service by its name. Each needs keys of its own: some
// registries, such as zot, check neither issuer nor audience and would accept the tokens of every
// service that shares their key.
type ServiceMap map[string]Issuer

// Issuer returns the issuer of a service.
func (m ServiceMap) Issuer(_ context.Context, service string) (Issuer, error) {
	if issuer, ok := m[service]; ok {
		return issuer, nil
	}
	return nil, ErrUnknownService
}

// A ServiceFunc is a function that is [Services], such as for services in a database. It must not
// return an issuer for a name that it does not know, since the client chooses the name.
type ServiceFunc func(ctx context.Context, service string) (Issuer, error)

// Issuer calls f.
func (f ServiceFunc) Issuer(ctx context.Context, service string) (Issuer, error) {
	return f(ctx, service)
}

// Config configures a [Server]. Unset fields are strict: without an Authenticator nobody can log
// in, and anonymous requests are refused unless they are allowed. All interfaces and functions are
// called concurrently.
type Config struct {
	// Service is the registry that tokens are issued for: the "service" of its challenge, compared
	// exactly, and the "aud" of the token. Issuer describes its tokens and their keys. Both are
	// required, unless there are Services.
	Service string
	Issuer  token.IssuerConfig
	// Services has several services, or issuers of your own: a [ServiceMap] or a [ServiceFunc].
	Services Services
	// DefaultService returns the service for a request that names none, such as one for each host,
	// or "". The default is the only service, if there is just one, and for a GET only.
	DefaultService func(r *http.Request) string
	// SharedKeysAllowed lets services share a key. Otherwise NewServer refuses that, as far as
	// their issuers are in a ServiceMap and have a KeySet method like that of [token.Issuer].
	SharedKeysAllowed bool
	// InsecureAnyService, if set, issues tokens for all services that are not in Services. The
	// client chooses the name, which becomes the "aud". This is only safe if a single registry
	// trusts the key, or if all registries that trust it may accept each other's tokens.
	InsecureAnyService Issuer

	// Credentials, if set, reads other credentials than HTTP Basic from a GET, such as a session, a
	// bearer token or a header of a proxy that it trusts: the Username and the Password, or Other,
	// of a request to the Authenticator. If it has none, ok is false, and HTTP Basic is read.
	Credentials func(r *http.Request) (credentials authn.Request, ok bool)
	// ExtraClaims, if set, returns further claims for a token. The record has the Subject, the
	// Service and the Decisions. An error is answered with 503.
	ExtraClaims func(ctx context.Context, record AuditRecord) (map[string]any, error)

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
	err := config.makeServices()
	if err == nil {
		err = config.check()
	}
	if err != nil {
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
	if config.DefaultService == nil {
		config.DefaultService = config.onlyService
	}
	return &Server{config: config}, nil
}

// makeServices puts the one service of the small case into Services.
func (c *Config) makeServices() error {
	switch {
	case c.Services != nil && (c.Service != "" || c.Issuer.Name != "" || c.Issuer.Keys != nil):
		return errors.New("there are Services besides Service and Issuer")
	case c.Services != nil:
		return nil
	case c.Service != "":
		issuer, err := token.NewIssuer(c.Issuer)
		if err != nil {
			return err
		}
		c.Services = ServiceMap{c.Service: issuer}
	case c.InsecureAnyService == nil:
		return errors.New("no service is configured")
	default:
		c.Services = ServiceMap{}
	}
	return nil
}

// serviceMap returns the Services if they are a map.
func (c *Config) serviceMap() ServiceMap {
	services, _ := c.Services.(ServiceMap)
	return services
}

// onlyService returns the service of a GET that names none, if there is just one. The specification
// of the POST requires one.
func (c *Config) onlyService(r *http.Request) string {
	services := c.serviceMap()
	if r.Method == http.MethodGet && len(services) == 1 && c.InsecureAnyService == nil {
		for name := range services {
			return name
		}
	}
	return ""
}

func (c *Config) check() error {
	for name, issuer := range c.serviceMap() {
		if name == "" || isNil(issuer) {
			return fmt.Errorf("service %q: a service needs a name and an issuer", name)
		}
	}
	_, directory := c.Authenticator.(authn.Directory)
	_, confirmer := c.Authenticator.(authn.Confirmer)
	switch {
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
	maps.Copy(issuers, c.serviceMap())
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
