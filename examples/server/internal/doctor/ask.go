package doctor

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

type answer struct {
	status int
	header http.Header
	body   []byte
}

// get asks with GET, and with a token unless it is "". It follows no redirect, which would get the
// token too.
func (x *examination) get(ctx context.Context, address, token string) (*answer, error) {
	client := http.Client{Timeout: 5 * time.Second} // they are near
	if x.HTTPClient != nil {
		client = *x.HTTPClient
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	// The caller says the address, and whether IPv4 or IPv6 was tried varies.
	if failed, ok := errors.AsType[*net.OpError](err); ok {
		return nil, failed.Err
	} else if failed, ok := errors.AsType[*url.Error](err); ok {
		return nil, failed.Err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return nil, err
	}
	return &answer{response.StatusCode, response.Header, body}, nil
}

// askRegistry compares the running registry with its configuration, and presents the token. It need
// not run.
func (x *examination) askRegistry(ctx context.Context) {
	base := x.registryURL()
	if base == "" {
		x.note("registry: it was not asked, as its configuration does not say where; " +
			"name it with --url")
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
		x.fix("registry: %s lets everybody in: restart it with this configuration", base)
		return false
	case answer.status != http.StatusUnauthorized || !strings.EqualFold(scheme, "Bearer"):
		x.fix("registry: %s answers %d without asking for a token: "+
			"restart it with this configuration, or name another --url", base, answer.status)
		return false
	}
	same := true
	compare := func(setting, configured string) {
		if parameters[setting] == configured {
			return
		}
		same = false
		restart := "restart it with this configuration"
		if !x.registry.zot {
			restart += ", and see whether REGISTRY_AUTH_TOKEN_" + strings.ToUpper(setting) +
				" is in its environment"
		}
		x.fix("registry: %s names the %s %q and its configuration %q: %s",
			base, setting, parameters[setting], configured, restart)
	}
	if !x.registry.autoRedirect {
		compare("realm", x.registry.realm)
	}
	compare("service", x.registry.service)
	if same {
		x.ok("registry: %s asks for a token as its configuration says", base)
	}
	return same
}

// parseChallenge reads a WWW-Authenticate header with one challenge (RFC 9110, section 11.6.1).
func parseChallenge(header string) (scheme string, parameters map[string]string) {
	scheme, rest, _ := strings.Cut(header, " ")
	parameters = make(map[string]string)
	parameter := regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
	for _, match := range parameter.FindAllStringSubmatch(rest, -1) {
		parameters[match[1]] = regexp.MustCompile(`\\(.)`).ReplaceAllString(match[2], "$1")
	}
	return scheme, parameters
}

// checkClock compares the registry's clock with ours. Its Date is in whole seconds.
func (x *examination) checkClock(answer *answer) {
	date, err := http.ParseTime(answer.header.Get("Date"))
	if err != nil {
		return
	}
	allowed := time.Minute // the leeway of distribution
	if x.registry.zot {
		allowed = 4 * time.Second // it has none, but iat and nbf are five seconds in the past
	}
	switch behind := time.Since(date); {
	case behind > allowed+time.Second:
		x.fix("registry: its clock is behind this one by %s: "+
			"set the clocks, as it takes fresh tokens for those of the future", about(behind))
	case behind < -time.Minute:
		x.note("registry: its clock is ahead of this one by %s, so tokens end earlier there",
			about(-behind))
	}
}

func about(d time.Duration) string {
	if d >= time.Hour {
		return "an hour or more"
	}
	return d.Round(time.Second).String()
}

// presentToken presents the token at /v2/, which any good token opens, and at the catalog, which
// needs the access that it grants.
func (x *examination) presentToken(ctx context.Context, base string) {
	refusals := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest}
	advice := "restart it, as keys are read at start; " +
		"if it still does, its version does not find the key: see the notes"
	if x.fixes > 0 {
		advice = "see above, then restart it: keys are read at start"
	}
	for _, path := range []string{"/v2/", "/v2/_catalog?n=1"} {
		answer, err := x.get(ctx, base+path, x.sample.raw)
		switch {
		case err != nil:
			x.note("registry: %s%s does not answer: %v", base, path, err)
			return
		case slices.Contains(refusals, answer.status):
			x.fix("registry: %s%s refuses a token made just now: %s", base, path, advice)
			return
		case answer.status != http.StatusOK:
			x.note("registry: %s%s answers %d to a token, which says nothing about it",
				base, path, answer.status)
			return
		}
	}
	x.ok("registry: %s accepts a token made just now", base)
}
