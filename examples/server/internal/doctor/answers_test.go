package doctor

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

// TestAnswers examines registries and realms that answer as they should not.
func TestAnswers(t *testing.T) {
	const realm = "https://auth.test/auth"
	challenge := func(realm, service string, header ...string) http.HandlerFunc {
		value := fmt.Sprintf("Bearer realm=%q,service=%q", realm, service)
		return answering(http.StatusUnauthorized, "", append(header, "WWW-Authenticate", value)...)
	}
	at := func(when time.Time) string { return when.UTC().Format(http.TimeFormat) }
	basic := []string{"WWW-Authenticate", `Basic realm="r"`}
	otherIssuer := issuerFor(t, nil, newKey(t, token.ES256), false)("")
	other := must(otherIssuer.Issue(t.Context(), token.Request{Audience: testService}))(t)
	tests := []struct {
		name           string
		config         string
		registry, auth http.HandlerFunc
		ok             bool
		want           string
	}{
		{
			"an open registry", "good.yml", answering(http.StatusOK, "{}"), nil, false,
			"FIX  registry: URL lets everybody in: restart it with this configuration",
		},
		{
			"no registry", "good.yml", answering(http.StatusNotFound, ""), nil, false,
			"FIX  registry: URL answers 404 without asking for a token: restart it with this " +
				"configuration, or name another --url",
		},
		{
			"a registry with passwords", "good.yml",
			answering(http.StatusUnauthorized, "", basic...), nil, false,
			"FIX  registry: URL answers 401 without asking for a token: restart it with this " +
				"configuration, or name another --url",
		},
		{
			"another realm", "good.yml", challenge("https://old.test/auth", testService), nil,
			false,
			`FIX  registry: URL names the realm "https://old.test/auth" and its configuration ` +
				`"https://auth.test/auth": restart it with this configuration, and see whether ` +
				`REGISTRY_AUTH_TOKEN_REALM is in its environment`,
		},
		{
			"another service", "good.yml", challenge(realm, "old.test"), nil, false,
			`FIX  registry: URL names the service "old.test" and its configuration ` +
				`"registry.test": restart it with this configuration, and see whether ` +
				`REGISTRY_AUTH_TOKEN_SERVICE is in its environment`,
		},
		{
			"a realm made from the request", "autoredirect.yml",
			challenge("https://localhost/auth", testService), nil, false,
			"ok   registry: URL asks for a token as its configuration says",
		},
		{
			"a token that is refused", "zot.json", challenge(realm, testService), nil, false,
			"FIX  registry: URL/v2/ refuses a token made just now: restart it, as keys are read " +
				"at start; if it still does, its version does not find the key: see the notes",
		},
		{
			"a slow clock", "zot.json",
			challenge(realm, testService, "Date", at(time.Now().Add(-time.Hour))), nil, false,
			"FIX  registry: its clock is behind this one by an hour or more: set the clocks, as " +
				"it takes fresh tokens for those of the future",
		},
		{
			"a fast clock", "good.yml",
			challenge(realm, testService, "Date", at(time.Now().Add(time.Hour+time.Minute))), nil,
			false,
			"note registry: its clock is ahead of this one by an hour or more, so tokens end " +
				"earlier there",
		},
		{
			"a terminal escape", "good.yml", challenge("\x1b[2J", testService), nil, false,
			`FIX  registry: URL names the realm "x1b[2J" and its configuration ` +
				`"https://auth.test/auth": restart it with this configuration, and see whether ` +
				`REGISTRY_AUTH_TOKEN_REALM is in its environment`,
		},

		{
			"a realm without anonymous access", "good.yml", nil,
			answering(http.StatusUnauthorized, `{"errors":[{}]}`, basic...), true,
			"ok   realm: it answers as a token server without anonymous access does",
		},
		{
			"a web page at the realm", "good.yml", nil, answering(http.StatusOK, "<html>"), false,
			"FIX  realm: it answers 200, not as a token server does: set auth.token.realm to " +
				"where clients reach the path /auth of the token server",
		},
		{
			"nothing at the realm", "good.yml", nil, answering(http.StatusNotFound, ""), false,
			"FIX  realm: it answers 404, not as a token server does: set auth.token.realm to " +
				"where clients reach the path /auth of the token server",
		},
		{
			"a redirect at the realm", "good.yml", nil,
			answering(http.StatusMovedPermanently, "", "Location", "https://new.test/auth"), false,
			"FIX  realm: it redirects to https://new.test/auth: set auth.token.realm to where " +
				"the token server answers itself",
		},
		{
			"a broken realm", "good.yml", nil, answering(http.StatusServiceUnavailable, "{}"), true,
			"note realm: it answered 503, so it could not be asked; try again",
		},
		{
			"a realm without our service", "good.yml", nil,
			answering(http.StatusBadRequest, `{"errors":[{}]}`), false,
			"FIX  realm: the token server there refuses the service of this registry: compare " +
				"the configuration of the running server with this one",
		},
		{
			"a realm with another key", "good.yml", nil,
			answering(http.StatusOK, fmt.Sprintf(`{"token":%q}`, string(other.Value))), false,
			"FIX  realm: its tokens are not this server's (unknown key): reload or restart the " +
				"token server there, or set auth.token.realm to this one",
		},
		{
			"a realm with short tokens", "good.yml", nil,
			answering(http.StatusOK, `{"token":"x","expires_in":30}`), false,
			"FIX  realm: its tokens are valid for 30 s, less than the 60 that clients assume: " +
				"set token.expiration to at least 60",
		},
		{
			"a proxy that changes the path", "wrong-path.yml", nil,
			answering(http.StatusUnauthorized, `{"errors":[{}]}`, basic...), true,
			"note realm: the token server does not answer at the path /token/ itself, but " +
				"something in front of it does so for it",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := newInput(t, newKey(t, token.ES256), tt.config)
			in.RegistryURL = "http://registry.test"
			in.HTTPClient = &http.Client{
				Transport: network{"registry.test": tt.registry, "auth.test": tt.auth},
			}
			expectLines(t, in, tt.ok, tt.want)
		})
	}
}

// answering always gives the same answer, with headers as pairs of name and value.
func answering(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// network is one in which each host is a handler, or does not answer.
type network map[string]http.HandlerFunc

func (n network) RoundTrip(r *http.Request) (*http.Response, error) {
	handler := n[r.URL.Hostname()]
	if handler == nil {
		return offline{}.RoundTrip(r)
	}
	recorder := httptest.NewRecorder()
	handler(recorder, r)
	return recorder.Result(), nil
}
