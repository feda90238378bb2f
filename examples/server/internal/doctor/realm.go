package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/token"
)

// checkRealm looks at the realm as clients will, and asks it.
func (x *examination) checkRealm(ctx context.Context) {
	realm, key := x.registry.realm, x.registry.key("realm")
	address, err := url.Parse(realm)
	if err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https" {
		x.fix(fmt.Sprintf("realm: %q is not a URL that clients can ask", realm), "set %s to https://HOST%s", key, x.EndpointPaths[0])
		return
	}
	x.checkRealmScheme(address)
	x.checkRealmHost(address)
	answered := x.askRealm(ctx, address)
	switch {
	case slices.Contains(x.EndpointPaths, address.Path):
		x.ok("realm: %s is a path of the token server", address.Path)
	case answered:
		x.note("realm: the token server does not answer at the path %s itself, but something in front of it does so for it", pathOf(address))
	default:
		x.fix(fmt.Sprintf("realm: the token server does not answer at the path %s", pathOf(address)),
			"set %s to %s", key, (&url.URL{Scheme: address.Scheme, Host: address.Host, Path: x.EndpointPaths[0]}).String())
	}
}

func pathOf(address *url.URL) string {
	if address.Path == "" {
		return "/"
	}
	return address.Path
}

func (x *examination) checkRealmScheme(realm *url.URL) {
	switch {
	case realm.Scheme == "https":
	case x.registry.secure || strings.HasPrefix(x.RegistryURL, "https:"):
		x.fix("realm: it is plain http and the registry is https, which crane and others refuse",
			"serve the token server with TLS and set %s to https://%s%s", x.registry.key("realm"), realm.Host, realm.Path)
	case !isLoopback(realm.Hostname()):
		x.note("realm: passwords travel to %s in clear text; use https", realm.Host)
	}
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.Unmap().IsLoopback()
}

// checkRealmHost finds a realm that clients which are hardened against server-side request forgery refuse: a private IP
// literal that is not the registry's own host and port (go-containerregistry since 0.22).
func (x *examination) checkRealmHost(realm *url.URL) {
	address, err := netip.ParseAddr(realm.Hostname())
	if err != nil {
		return
	}
	address = address.Unmap()
	private := address.IsLoopback() || address.IsPrivate() || address.IsLinkLocalUnicast() || address.IsUnspecified()
	own := func(registry string) bool {
		u, err := url.Parse(registry)
		return err == nil && u.Host == realm.Host
	}
	if !private || own(x.RegistryURL) || own(x.registry.external) || own(x.registry.listens) {
		return
	}
	name := "a host name"
	if address.IsLoopback() {
		name = "localhost"
	}
	x.fix(fmt.Sprintf("realm: %s is a private address and not the registry's own, which crane and others refuse", realm.Host),
		"name %s in %s instead", name, x.registry.key("realm"))
}

// minLifetime is what clients assume, in seconds.
const minLifetime = 60

// askRealm asks the realm for a token without access and without credentials, and reports whether our token server
// answered, as far as one can tell.
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
	switch {
	case answer.status == http.StatusOK && isJSON && body.Token != "":
		return x.checkRealmToken(body.Token, body.ExpiresIn)
	case answer.status == http.StatusUnauthorized && isJSON && strings.HasPrefix(answer.header.Get("WWW-Authenticate"), "Basic"):
		x.ok("realm: it answers as a token server without anonymous access does")
	case answer.status == http.StatusServiceUnavailable || answer.status == http.StatusTooManyRequests:
		x.note("realm: it answered %d, so it could not be asked; try again", answer.status)
	case answer.status == http.StatusBadRequest && isJSON && len(body.Errors) > 0:
		x.fix("realm: the token server there refuses the service of this registry", "compare the configuration of the running server with this one")
	case answer.status/100 == 3: //nolint:mnd // redirections
		x.fix("realm: it redirects to "+answer.header.Get("Location"), "set %s to where the token server answers itself", x.registry.key("realm"))
		return false
	default:
		x.fix(fmt.Sprintf("realm: it answers %d, not as a token server does", answer.status),
			"set %s to where clients reach the path %s of the token server", x.registry.key("realm"), x.EndpointPaths[0])
		return false
	}
	return true
}

// checkRealmToken checks that a token of the realm is this server's.
// reason returns why a token is not accepted, in the words after those of [token.ErrInvalid].
func reason(err error) string {
	_, why, found := strings.Cut(err.Error(), token.ErrInvalid.Error()+": ")
	if !found {
		return err.Error()
	}
	return why
}

func (x *examination) checkRealmToken(raw string, expiresIn *int) bool {
	if expiresIn != nil && *expiresIn < minLifetime {
		x.fix(fmt.Sprintf("realm: its tokens are valid for %d s, less than the %d that clients assume", *expiresIn, minLifetime),
			"set token.expiration to at least %d", minLifetime)
	}
	if x.sample == nil {
		return true
	}
	verifier, err := x.sample.verifier()
	if err == nil {
		_, err = verifier.Verify(raw)
	}
	if err != nil {
		x.fix(fmt.Sprintf("realm: its tokens are not this server's (%s)", reason(err)),
			"reload or restart the token server there, or set %s to this one", x.registry.key("realm"))
		return false
	}
	x.ok("realm: it answers with tokens of this server's key")
	return true
}
