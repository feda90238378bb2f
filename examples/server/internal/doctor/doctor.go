// Package doctor compares a registry's own configuration with the token server that it is to trust, and says in one line
// each what to change.
//
// The token that it checks is a real one, of the server's own key. Distribution's rules are applied by distribution's own
// access controller (that of 3.1); for 2.8, 3.0 and zot, which cannot be had as libraries, the rules in which they differ
// are here. Where the registry or the realm answers, both are asked as well.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/berthpass/registry-auth/token"
)

// An Input is what there is to compare.
type Input struct {
	// Issuer returns what makes the tokens for a service, with the key that the server really signs with, or nil when the
	// server issues none for it. Required.
	Issuer func(service string) Issuer
	// Services are those that the server issues for. Nil means any.
	Services []string
	// EndpointPaths are the paths at which the server answers token requests, the preferred one first, such as "/auth/auth"
	// and "/auth/auth/token" for a path prefix of "/auth". At least one is required.
	EndpointPaths []string

	// RegistryConfig is the registry's configuration: the YAML of distribution or the JSON of zot. Required.
	RegistryConfig []byte
	// RegistryConfigPath is where it was read, for what is relative to it. It may be empty.
	RegistryConfigPath string
	// RegistryVersion is that of distribution: "2.8", "3.0" or "3.1". When it is empty, what only some of them refuse is a
	// note and nothing to fix.
	RegistryVersion string
	// RegistryURL is where the registry answers, such as "http://localhost:5000". When it is empty, the address in the
	// registry's configuration is tried.
	RegistryURL string
	// HTTPClient asks the registry and the realm. Nil is a client that gives up after a few seconds. Redirects are not
	// followed, whatever it says.
	HTTPClient *http.Client
}

// An Issuer makes tokens and says with which keys, as a [*token.Issuer] does.
type Issuer interface {
	Issue(ctx context.Context, request token.Request) (token.Token, error)
	KeySet() *token.KeySet
}

// ErrUnreadable means that a registry's configuration is neither distribution's nor zot's, or has no token authorization.
var ErrUnreadable = errors.New("not a registry's configuration with token authorization")

// Run compares, and writes a line for each finding: "ok" for what is right, "FIX" for what keeps the registry from
// accepting the server's tokens, or clients from fetching them, and "note" for what is worth knowing. It reports whether
// there was nothing to fix. The error wraps [ErrUnreadable], says what is wrong with the input, or is that of w.
func Run(ctx context.Context, w io.Writer, in Input) (ok bool, err error) {
	if in.Issuer == nil || len(in.EndpointPaths) == 0 {
		return false, errors.New("examine registry: no issuer, or no endpoint")
	}
	registry, err := parseRegistry(in.RegistryConfig)
	if err != nil {
		return false, err
	}
	versions, err := versionsOf(in.RegistryVersion)
	if err != nil {
		return false, err
	}
	x := &examination{Input: in, registry: registry, versions: versions}
	if err := x.examine(ctx); err != nil {
		return false, err
	}
	return x.fixes == 0, x.write(w)
}

// An examination is one run.
type examination struct {
	Input
	report

	registry *registry
	versions []version
	sample   *sample // nil when the server issues nothing for the registry's service
}

func (x *examination) examine(ctx context.Context) error {
	if err := x.checkService(ctx); err != nil {
		return err
	}
	if x.registry.kind == zot {
		x.examineZot()
	} else {
		x.examineDistribution()
	}
	x.checkRealm(ctx)
	x.askRegistry(ctx)
	return nil
}

// checkService checks that the server issues for the registry's service, and makes the token that all else looks at.
func (x *examination) checkService(ctx context.Context) error {
	service, key := x.registry.service, x.registry.key("service")
	if service == "" {
		x.fix("service: the registry's configuration has none", "set %s", key)
		return nil
	}
	issuer := x.Issuer(service)
	switch {
	case issuer != nil && x.Services == nil:
		x.ok("service: the token server issues for any, so for %q too", service)
	case issuer != nil:
		x.ok("service: %q is one that the token server issues for", service)
	case len(x.Services) == 1: // what was meant is clear, so look at the rest
		x.fix(fmt.Sprintf("service: the token server does not issue for %q", service), "set %s to %q", key, x.Services[0])
		issuer = x.Issuer(x.Services[0])
	default:
		x.fix(fmt.Sprintf("service: the token server does not issue for %q", service),
			"set %s to one of %s, or add it to the token server's services", key, quoteAll(x.Services))
	}
	if issuer == nil {
		return nil
	}
	var err error
	x.sample, err = makeSample(ctx, issuer, service)
	return err
}
