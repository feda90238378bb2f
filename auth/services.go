package auth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/token"
)

// An Issuer issues the access tokens of a service. A *[token.Issuer] is one; others can sign in a
// key management service, ask a remote signer, or reuse tokens (package token/share).
//
// Issue returns a token for the whole request: its subject, audience, access, further claims and
// end. An error is answered with 503. Issue is called concurrently and must return soon after ctx
// is done.
type Issuer interface {
	Issue(ctx context.Context, request token.Request) (token.Token, error)
}

// Services has the issuer of each service: a [ServiceMap] or a [ServiceFunc].
type Services interface {
	// Issuer returns the issuer of a service. The error wraps [ErrUnknownService] for a service
	// that is not served, which is answered with 400. Any other error is answered with 503.
	Issuer(ctx context.Context, service string) (Issuer, error)
}

// ErrUnknownService means that no tokens are issued for a service. [AuditRecord].Err wraps it then.
var ErrUnknownService = errors.New("unknown service")

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

// A ServiceFunc implements [Services], for services in a database or one for each host.
// It is called for each request, before the credentials are checked, with any name that a client
// sends, up to 255 bytes of UTF-8 without control characters. Make issuers once, not in each call.
//
// Return [ErrUnknownService] for every name that you do not know. The name becomes the "aud" of the
// token, so a function that answers for every name lets clients choose the audience: what the rules
// grant for one registry is then granted at every registry that trusts the key. For the same reason
// give each service keys of its own, which nothing checks here.
type ServiceFunc func(ctx context.Context, service string) (Issuer, error)

// Issuer calls f.
func (f ServiceFunc) Issuer(ctx context.Context, service string) (Issuer, error) {
	return f(ctx, service)
}

// makeServices puts the one service of the small case into Services.
func (c *Config) makeServices() error {
	i := c.Issuer
	small := c.Service != "" || i.Name != "" || i.Keys != nil || i.Lifetime+i.InsecureLifetime != 0
	switch {
	case small && c.Services != nil:
		return errors.New("both Service or Issuer and Services are set")
	case small:
		issuer, err := token.NewIssuer(c.Issuer)
		if err != nil {
			return err
		}
		c.Services = ServiceMap{c.Service: issuer}
	case c.Services == nil:
		c.Services = ServiceMap{}
	}
	return nil
}

// checkServices checks what is known of the services before the first request.
func (c *Config) checkServices() error {
	function, isFunction := c.Services.(ServiceFunc)
	switch {
	case isFunction && function == nil:
		return errors.New("the ServiceFunc is nil")
	case c.InsecureAnyService != nil && isNil(c.InsecureAnyService):
		return errors.New("InsecureAnyService is a nil pointer")
	}
	services, isMap := c.Services.(ServiceMap)
	if isMap && len(services) == 0 && c.InsecureAnyService == nil {
		return errors.New("no service is configured")
	}
	for name, issuer := range services {
		if name == "" || isNil(issuer) {
			return fmt.Errorf("service %q: a service needs a name and an issuer", name)
		}
	}
	if c.SharedKeysAllowed {
		return nil
	}
	return c.checkKeysNotShared(services)
}

func (c *Config) checkKeysNotShared(services ServiceMap) error {
	issuers := map[string]Issuer{"(any other)": c.InsecureAnyService}
	maps.Copy(issuers, services)
	owner := make(map[string]string)
	for _, service := range slices.Sorted(maps.Keys(issuers)) {
		for _, key := range trustedKeys(issuers[service]) {
			if other, taken := owner[key]; taken && other != service {
				return fmt.Errorf("services %q and %q share the key or the authority of it:"+
					" give each its own, or set SharedKeysAllowed", other, service)
			}
			owner[key] = service
		}
	}
	return nil
}

// trustedKeys returns what a registry of the service trusts, as far as that is known: the keys of
// the issuer, and the authorities above them.
func trustedKeys(issuer Issuer) (trusted []string) {
	i, ok := issuer.(interface{ KeySet() *token.KeySet })
	if !ok || i.KeySet() == nil {
		return nil
	}
	for _, key := range i.KeySet().Keys() {
		trusted = append(trusted, key.ID())
		for n, certificate := range key.Certificates() {
			if n > 0 {
				trusted = append(trusted, string(certificate.RawSubjectPublicKeyInfo))
			}
		}
	}
	return trusted
}

// isNil reports whether there is no issuer. A program that ignores the error of token.NewIssuer has
// a nil *token.Issuer.
func isNil(issuer Issuer) bool {
	pointer, ok := issuer.(*token.Issuer)
	return issuer == nil || ok && pointer == nil
}

// onlyService returns the service of a GET that names none, if there is just one. The specification
// of the POST requires one.
func (c *Config) onlyService(r *http.Request) string {
	services, _ := c.Services.(ServiceMap)
	if r.Method == http.MethodGet && len(services) == 1 && c.InsecureAnyService == nil {
		for name := range services {
			return name
		}
	}
	return ""
}

// issuer returns the issuer of the requested service, or of the default.
func (s *Server) issuer(r *http.Request, record *AuditRecord) (Issuer, error) {
	if record.Service == "" {
		record.Service = s.config.DefaultService(r)
	}
	name := record.Service
	const maxBytes = 255 // a longer name would enlarge the token
	switch {
	case name == "":
		return nil, reply.Invalid("the parameter service is missing")
	case len(name) > maxBytes, !utf8.ValidString(name),
		strings.ContainsFunc(name, unicode.IsControl):
		return nil, reply.Invalid("the parameter service is not a name")
	}
	issuer, err := s.config.Services.Issuer(r.Context(), name)
	switch {
	case errors.Is(err, ErrUnknownService) && s.config.InsecureAnyService != nil:
		return s.config.InsecureAnyService, nil
	case errors.Is(err, ErrUnknownService):
		problem := reply.Invalid("this server issues no tokens for the service")
		problem.Cause = err
		return nil, problem
	case err == nil && isNil(issuer): // a bug, and no reason for a 400
		err = errors.New("the service has no issuer")
	}
	if err != nil {
		return nil, reply.Unavailable("the service cannot be looked up at the moment", err)
	}
	return issuer, nil
}
