package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/token"
)

// checkRealm looks at the realm as clients do, and asks it.
func (x *examination) checkRealm(ctx context.Context) {
	realm, key := x.registry.realm, x.registry.key("realm")
	address, err := url.Parse(realm)
	if err != nil || address.Hostname() == "" ||
		address.Scheme != "http" && address.Scheme != "https" {
		x.fix("realm: %q is not a URL that clients can ask: set %s to https://HOST%s",
			realm, key, x.EndpointPaths[0])
		return
	}
	x.checkRealmScheme(address)
	x.checkRealmHost(address)
	answered := x.askRealm(ctx, address)
	path := address.Path
	if path == "" {
		path = "/"
	}
	switch {
	case slices.Contains(x.EndpointPaths, path):
		x.ok("realm: %s is a path of the token server", path)
	case answered:
		x.note("realm: the token server does not answer at the path %s itself, "+
			"but something in front of it does so for it", path)
	default:
		right := url.URL{Scheme: address.Scheme, Host: address.Host, Path: x.EndpointPaths[0]}
		x.fix("realm: the token server does not answer at the path %s: set %s to %s",
			path, key, right.String())
	}
}

func (x *examination) checkRealmScheme(realm *url.URL) {
	host := realm.Hostname()
	address, err := netip.ParseAddr(host)
	switch {
	case realm.Scheme == "https":
	case x.registry.secure || strings.HasPrefix(x.RegistryURL, "https:"):
		x.fix("realm: it is plain http and the registry is https, which crane and others refuse: "+
			"serve the token server with TLS and set %s to https://%s%s",
			x.registry.key("realm"), realm.Host, realm.Path)
	case host != "localhost" && (err != nil || !address.Unmap().IsLoopback()):
		x.note("realm: passwords travel to %s in clear text; use https", realm.Host)
	}
}

// checkRealmHost finds a realm that clients refuse if they are hardened against server-side request
// forgery (go-containerregistry since 0.22): a private address that is not the registry's own host
// and port.
func (x *examination) checkRealmHost(realm *url.URL) {
	address, err := netip.ParseAddr(realm.Hostname())
	if err != nil {
		return
	}
	address = address.Unmap()
	private := address.IsLoopback() || address.IsPrivate() || address.IsLinkLocalUnicast() ||
		address.IsUnspecified()
	own := []string{x.RegistryURL, x.registry.external, x.registry.listens}
	if !private || slices.ContainsFunc(own, func(registry string) bool {
		u, err := url.Parse(registry)
		return err == nil && u.Host == realm.Host
	}) {
		return
	}
	name := "a host name"
	if address.IsLoopback() {
		name = "localhost"
	}
	x.fix("realm: %s is a private address and not the registry's own, which crane and others "+
		"refuse: name %s in %s instead", realm.Host, name, x.registry.key("realm"))
}

// askRealm asks the realm for a token without access and without credentials, and reports whether
// our token server answered, as far as one can tell.
func (x *examination) askRealm(ctx context.Context, realm *url.URL) bool {
	asked := *realm
	query := asked.Query()
	query.Set("service", x.registry.service)
	asked.RawQuery = query.Encode()
	answer, err := x.get(ctx, asked.String(), "")
	if err != nil {
		x.note("realm: it does not answer, so it was not asked: %v", err)
		return false
	}
	var body struct {
		Token     string            `json:"token"`
		ExpiresIn *int              `json:"expires_in"`
		Errors    []json.RawMessage `json:"errors"`
	}
	isJSON := json.Unmarshal(answer.body, &body) == nil
	basic := strings.HasPrefix(answer.header.Get("WWW-Authenticate"), "Basic")
	key := x.registry.key("realm")
	switch status := answer.status; {
	case status == http.StatusOK && isJSON && body.Token != "":
		return x.checkRealmToken(body.Token, body.ExpiresIn)
	case status == http.StatusUnauthorized && isJSON && basic:
		x.ok("realm: it answers as a token server without anonymous access does")
	case status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests:
		x.note("realm: it answered %d, so it could not be asked; try again", status)
	case status == http.StatusBadRequest && isJSON && len(body.Errors) > 0:
		x.fix("realm: the token server there refuses the service of this registry: " +
			"compare the configuration of the running server with this one")
	case status/100 == 3: //nolint:mnd // redirections
		x.fix("realm: it redirects to %s: set %s to where the token server answers itself",
			answer.header.Get("Location"), key)
		return false
	default:
		x.fix("realm: it answers %d, not as a token server does: "+
			"set %s to where clients reach the path %s of the token server",
			status, key, x.EndpointPaths[0])
		return false
	}
	return true
}

// checkRealmToken checks that a token of the realm is this server's.
func (x *examination) checkRealmToken(raw string, expiresIn *int) bool {
	const minLifetime = 60 // seconds, which clients assume
	if expiresIn != nil && *expiresIn < minLifetime {
		x.fix("realm: its tokens are valid for %d s, less than the %d that clients assume: "+
			"set token.expiration to at least %d", *expiresIn, minLifetime, minLifetime)
	}
	if x.sample == nil {
		return true
	}
	verifier, err := x.sample.verifier()
	if err == nil {
		_, err = verifier.Verify(raw)
	}
	if err != nil {
		_, reason, found := strings.Cut(err.Error(), token.ErrInvalid.Error()+": ")
		if !found {
			reason = err.Error()
		}
		x.fix("realm: its tokens are not this server's (%s): "+
			"reload or restart the token server there, or set %s to this one",
			reason, x.registry.key("realm"))
		return false
	}
	x.ok("realm: it answers with tokens of this server's key")
	return true
}
