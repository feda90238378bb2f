package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Limits of asking. Whoever answers is on this machine or near.
const (
	askTimeout = 5 * time.Second
	maxAnswer  = 64 << 10
)

type answer struct {
	status int
	header http.Header
	body   []byte
}

// get asks with GET, and with a token where there is one. Redirects are not followed: the token is for this one.
func (x *examination) get(ctx context.Context, address, token string) (*answer, error) {
	client := http.Client{Timeout: askTimeout}
	if x.HTTPClient != nil {
		client = *x.HTTPClient
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, withoutAddress(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	return &answer{response.StatusCode, response.Header, body}, nil
}

// withoutAddress leaves out what the caller says, and what depends on whether a name was tried as IPv4 or IPv6.
func withoutAddress(err error) error {
	if failed, ok := errors.AsType[*net.OpError](err); ok {
		return failed.Err
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}

// askRegistry compares what the running registry says with its configuration, and shows it the token. A registry that does
// not run is no mistake.
func (x *examination) askRegistry(ctx context.Context) {
	base := x.registryURL()
	if base == "" {
		x.note("registry: it was not asked, as its configuration does not say where; name it with --url")
		return
	}
	answer, err := x.get(ctx, base+"/v2/", "")
	if err != nil {
		x.note("registry: %s does not answer, so it was not asked: %v", base, err)
		return
	}
	if x.checkChallenge(base, answer) && x.sample != nil {
		x.checkClock(answer)
		x.presentToken(ctx, base)
	}
}

func (x *examination) registryURL() string {
	switch {
	case x.RegistryURL != "":
		return strings.TrimSuffix(x.RegistryURL, "/")
	case x.registry.listens != "" && !strings.HasPrefix(x.registry.listens, "https:"):
		return x.registry.listens + strings.TrimSuffix(x.registry.prefix, "/")
	case x.registry.external != "": // its certificate is for that name
		return strings.TrimSuffix(x.registry.external, "/")
	default:
		return x.registry.listens
	}
}

// checkChallenge compares the challenge of the running registry with its configuration.
func (x *examination) checkChallenge(base string, answer *answer) bool {
	scheme, parameters := parseChallenge(answer.header.Get("WWW-Authenticate"))
	switch {
	case answer.status == http.StatusOK:
		x.fix(fmt.Sprintf("registry: %s lets everybody in", base), "restart it with this configuration")
		return false
	case answer.status != http.StatusUnauthorized || !strings.EqualFold(scheme, "Bearer"):
		x.fix(fmt.Sprintf("registry: %s answers %d without asking for a token", base, answer.status), "restart it with this configuration, or name another --url")
		return false
	}
	before := x.fixes
	if on, _ := x.registry.options["autoredirect"].(bool); !on && parameters["realm"] != x.registry.realm {
		x.fix(fmt.Sprintf("registry: %s names the realm %q and its configuration %q", base, parameters["realm"], x.registry.realm),
			"%s", x.restart("realm"))
	}
	if parameters["service"] != x.registry.service {
		x.fix(fmt.Sprintf("registry: %s names the service %q and its configuration %q", base, parameters["service"], x.registry.service),
			"%s", x.restart("service"))
	}
	if x.fixes == before {
		x.ok("registry: %s asks for a token as its configuration says", base)
	}
	return x.fixes == before
}

// restart is what to do when a running registry has another setting than its file says.
func (x *examination) restart(setting string) string {
	if x.registry.kind == zot {
		return "restart it with this configuration"
	}
	return "restart it with this configuration, and see whether REGISTRY_AUTH_TOKEN_" + strings.ToUpper(setting) + " is in its environment"
}

// parseChallenge reads a WWW-Authenticate header with one challenge (RFC 9110, section 11.6.1).
func parseChallenge(header string) (scheme string, parameters map[string]string) {
	scheme, rest, _ := strings.Cut(header, " ")
	parameters = make(map[string]string)
	for _, match := range regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(rest, -1) {
		parameters[match[1]] = regexp.MustCompile(`\\(.)`).ReplaceAllString(match[2], "$1")
	}
	return scheme, parameters
}

// The clocks may differ by this much before tokens are refused: iat and nbf are five seconds in the past, and zot has no
// leeway, while distribution has a minute.
const (
	clockZot          = 4 * time.Second
	clockDistribution = time.Minute
)

// checkClock compares the registry's clock with ours. Its Date is in whole seconds.
func (x *examination) checkClock(answer *answer) {
	date, err := http.ParseTime(answer.header.Get("Date"))
	if err != nil {
		return
	}
	allowed := clockDistribution
	if x.registry.kind == zot {
		allowed = clockZot
	}
	switch behind := time.Since(date); {
	case behind > allowed+time.Second:
		x.fix("registry: its clock is behind this one by "+about(behind), "set the clocks, as it takes fresh tokens for those of the future")
	case behind < -time.Minute:
		x.note("registry: its clock is ahead of this one by %s, so tokens end earlier there", about(-behind))
	}
}

func about(d time.Duration) string {
	if d >= time.Hour {
		return "an hour or more"
	}
	return d.Round(time.Second).String()
}

// presentToken shows the token to the running registry: at /v2/, which any good token opens, and at the catalog, which needs
// the access that it grants.
func (x *examination) presentToken(ctx context.Context, base string) {
	for _, path := range []string{"/v2/", "/v2/_catalog?n=1"} {
		answer, err := x.get(ctx, base+path, x.sample.raw)
		if err != nil {
			x.note("registry: %s%s does not answer: %v", base, path, err)
			return
		}
		refused := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest}
		switch {
		case slices.Contains(refused, answer.status) && x.fixes > 0:
			x.fix(fmt.Sprintf("registry: %s%s refuses a token made just now", base, path), "see above, then restart it: keys are read at start")
			return
		case slices.Contains(refused, answer.status):
			x.fix(fmt.Sprintf("registry: %s%s refuses a token made just now", base, path), "restart it, as keys are read at start; if it still does, its version does not find the key: see the notes")
			return
		case answer.status != http.StatusOK:
			x.note("registry: %s%s answers %d to a token, which says nothing about it", base, path, answer.status)
			return
		}
	}
	x.ok("registry: %s accepts a token made just now", base)
}
