package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/refresh"
)

// Config configures a [Server]. Unset fields are strict: without an Authenticator nobody can log
// in, and anonymous requests are refused unless they are allowed. All interfaces and functions are
// called concurrently.
type Config struct {
	// Service is the registry that tokens are issued for: the "service" of its challenge, compared
	// exactly, and the "aud" of the token. Issuer describes its tokens and their keys. Both are
	// required, unless there are Services or an InsecureAnyService instead.
	Service string
	Issuer  token.IssuerConfig
	// Services has several services, or issuers of your own: a [ServiceMap] or a [ServiceFunc].
	Services Services
	// DefaultService returns the service for a request that names none, or "", which is answered
	// with 400. A request may still name any other service: if each host has one, mount a Server
	// for each, as in mux.Handle(host+"/token", server). If it is nil, the default is the only
	// service, for a GET and if just one is configured.
	DefaultService func(r *http.Request) string
	// SharedKeysAllowed lets services share a key. Otherwise NewServer refuses that, as far as
	// their issuers are in a ServiceMap and have a KeySet method like that of [token.Issuer].
	SharedKeysAllowed bool
	// InsecureAnyService, if set, issues tokens for all services that are not in Services. The
	// client chooses the name, which becomes the "aud". This is only safe if a single registry
	// trusts the key, or if all registries that trust it may accept each other's tokens.
	InsecureAnyService Issuer

	// Credentials, if set, reads other credentials than HTTP Basic from a GET, such as a session, a
	// bearer token or a header. It returns a Username and a Password, or Other; the server sets the
	// other fields. It only reads: the Authenticator checks what it returns, and nothing of it but
	// the Username is logged. Trust a header of a proxy only if the connection is from that proxy.
	// Browsers send cookies with the requests of other sites too, unless they are SameSite=Strict.
	//
	// With ok, HTTP Basic is ignored, the request is never anonymous, and ErrNoMatch of the
	// Authenticator is a 401. Without ok, HTTP Basic is read. A POST has its credentials in its
	// form, and Credentials is not called.
	Credentials func(r *http.Request) (credentials authn.Request, ok bool)
	// Authenticator checks credentials. It is also asked about requests without any, since it may
	// recognize the connection. If it is nil, every request with credentials is refused.
	Authenticator authn.Authenticator
	// AnonymousAllowed passes requests without credentials to the Authorizer, as the anonymous
	// subject, if the Authenticator returns ErrNoMatch for them: everybody then gets what the
	// Authorizer gives that subject. Otherwise they are 401. Wrong credentials always are.
	AnonymousAllowed bool
	// Authorizer decides what is granted. Required; see [authz.AllowAll] and [authz.DenyAll].
	Authorizer authz.Authorizer
	// ExtraClaims, if set, returns further claims for a token, which registries ignore. It is
	// called after authorization, for refreshed tokens too. The record has the Subject, the Service
	// and the Decisions, which must not be changed. An error is answered with 503, and so is a
	// claim that every token has, such as "sub".
	ExtraClaims func(ctx context.Context, record AuditRecord) (map[string]any, error)
	// RefreshTokens issues and redeems refresh tokens; if it is nil, there are none. Each use
	// confirms the subject, so the Authenticator must be an [authn.Directory] or an
	// [authn.Confirmer]. Chain, Cache and throttle keep that ability. A login gets a refresh token
	// only if its subject has a Stamp and Confirm returns an Equal one; otherwise the log says so.
	// A refresh token works from any address and without a certificate, so leave the Stamp empty
	// for credentials that are tied to one.
	RefreshTokens *refresh.Tokens

	// WriteError, if set, writes the answer if there is no token, in a format of your own. The
	// message is for the client; record.Err is for logs only. It calls w.WriteHeader, usually with
	// record.Status: after a 401 clients discard their credentials. Headers such as Retry-After are
	// set already, except Content-Type. The package comment describes the default.
	WriteError func(w http.ResponseWriter, record AuditRecord, message string)
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
	for _, step := range []func() error{config.makeServices, config.checkServices, config.check} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("new server: %w", err)
		}
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

func (c *Config) check() error {
	_, directory := c.Authenticator.(authn.Directory)
	_, confirmer := c.Authenticator.(authn.Confirmer)
	switch {
	case c.Authorizer == nil:
		return errors.New("no authorizer is configured")
	case c.Timeout < 0:
		return fmt.Errorf("negative timeout %v", c.Timeout)
	case c.RefreshTokens != nil && !directory && !confirmer: // see authn.Confirm
		return errors.New("refresh tokens require an authn.Directory or authn.Confirmer")
	}
	return nil
}
