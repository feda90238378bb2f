// Package doctor compares a registry's own configuration with the token server that it is to trust,
// and says in one line each what to change.
//
// It makes a token with the server's own key. Distribution's configuration is read, and the token
// verified, by distribution's own code (that of 3.1). How 2.8, 3.0 and zot differ is here, as they
// cannot be had as libraries. If the registry or the realm answers, both are asked as well.
package doctor

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/berthpass/registry-auth/token"
)

// An Input says what to compare.
type Input struct {
	// Issuer returns what makes the tokens for a service, with the key that the server really signs
	// with, or nil if the server issues none for it. Required.
	Issuer func(service string) Issuer
	// Services are those that the server issues for. Nil means any.
	Services []string
	// EndpointPaths are the paths at which the server answers token requests, the preferred one
	// first, such as "/auth/auth" and "/auth/auth/token" for a path prefix of "/auth". At least one
	// is required.
	EndpointPaths []string

	// RegistryConfig is the registry's configuration. Required. RegistryConfigPath is where it was
	// read, for relative paths in it; it may be empty.
	RegistryConfig     []byte
	RegistryConfigPath string
	// Environment applies the variables REGISTRY_... of this process to it, as distribution does.
	Environment bool
	// RegistryVersion is that of distribution: "2.8", "3.0" or "3.1". If it is empty, it is a note
	// and nothing to fix if only some refuse the token.
	RegistryVersion string
	// RegistryURL is where the registry answers, such as "http://localhost:5000". If it is empty,
	// the address in the registry's configuration is tried.
	RegistryURL string
	// HTTPClient asks the registry and the realm. Nil is a client that gives up after a few
	// seconds. Redirects are not followed in any case.
	HTTPClient *http.Client
}

// An Issuer makes tokens and says with which keys, as a [*token.Issuer] does.
type Issuer interface {
	Issue(ctx context.Context, request token.Request) (token.Token, error)
	KeySet() *token.KeySet
}

// ErrUnreadable means that this is no registry's configuration, or one without token authorization.
var ErrUnreadable = errors.New("not a registry's configuration with auth.token (distribution) or " +
	"http.auth.bearer (zot)")

// Run compares, and writes a line for each finding: "ok" if it is right, "FIX" if it keeps the
// registry from accepting the server's tokens, or clients from fetching them, and "note" if it is
// worth knowing. It reports whether there was nothing to fix. The error wraps [ErrUnreadable], says
// what is wrong with the input, or is that of w.
func Run(ctx context.Context, w io.Writer, in Input) (ok bool, err error) {
	if in.Issuer == nil || len(in.EndpointPaths) == 0 {
		return false, errors.New("examine registry: no issuer, or no endpoint")
	}
	x := &examination{Input: in}
	if x.registry, err = parseRegistry(in.RegistryConfig, in.Environment); err != nil {
		return false, err
	}
	if x.versions, err = versionsOf(in.RegistryVersion); err != nil {
		return false, err
	}
	if in.RegistryVersion == string(v28) { // which ignores them
		delete(x.registry.options, "autoredirectpath")
		delete(x.registry.options, "signingalgorithms")
	}
	if err := x.checkService(ctx); err != nil {
		return false, err
	}
	if x.registry.zot {
		x.examineZot()
	} else {
		x.examineDistribution()
	}
	x.checkRealm(ctx)
	x.askRegistry(ctx)
	_, err = io.WriteString(w, x.lines.String())
	return x.fixes == 0, err
}

// An examination is one run.
type examination struct {
	Input
	report

	registry *registry
	versions []version
	sample   *sample // nil if the server issues nothing for the registry's service
}

// checkService checks that the server issues for the registry's service, and makes the token that
// all else looks at.
func (x *examination) checkService(ctx context.Context) (err error) {
	service, key := x.registry.service, x.registry.key("service")
	if service == "" {
		x.fix("service: the registry's configuration has none: set %s", key)
		return nil
	}
	issuer := x.Issuer(service)
	const unknown = "service: the token server does not issue for %q: "
	switch {
	case issuer != nil && x.Services == nil:
		x.ok("service: the token server issues for any, so for %q too", service)
	case issuer != nil:
		x.ok("service: %q is one that the token server issues for", service)
	case len(x.Services) == 1: // what was meant is clear, so look at the rest
		x.fix(unknown+"set %s to %q", service, key, x.Services[0])
		issuer = x.Issuer(x.Services[0])
	default:
		x.fix(unknown+"set %s to one of %s, or add it to the token server's services",
			service, key, quoteAll(x.Services))
	}
	if issuer != nil {
		x.sample, err = makeSample(ctx, issuer, service)
	}
	return err
}
