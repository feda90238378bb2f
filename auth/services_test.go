package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/token"
)

// askService asks by GET or POST, with any number of service parameters.
func (f *fixture) askService(ctx context.Context, method, host string, names ...string) *reply {
	f.t.Helper()
	values := url.Values{"scope": {"repository:alice/app:pull"}}
	if len(names) > 0 {
		values["service"] = names
	}
	if method == http.MethodPost {
		values.Set("grant_type", "password")
		values.Set("username", "alice")
		values.Set("password", "wonderland")
	}
	address, body := f.url+"?"+values.Encode(), ""
	if method == http.MethodPost {
		address, body = f.url, values.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Host = host
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if method == http.MethodGet {
		r.SetBasicAuth("alice", "wonderland")
	}
	return f.do(r)
}

// wantService fails the test unless the token is for this service.
func (r *reply) wantService(issuer *token.Issuer, name string) {
	r.t.Helper()
	verifier, err := issuer.Verifier(name)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := verifier.Verify(r.body.Token); err != nil {
		r.t.Errorf("the token is not for %q: %v", name, err)
	}
}

// serviceForms are the three ways to configure that one service is served.
func serviceForms(issuer *token.Issuer) map[string]func(*auth.Config) {
	return map[string]func(*auth.Config){
		"one service": func(cfg *auth.Config) {
			cfg.Services, cfg.Service = nil, service
			cfg.Issuer = token.IssuerConfig{Name: issuerName, Keys: issuer.KeySet()}
		},
		"a map": func(cfg *auth.Config) { cfg.Services = auth.ServiceMap{service: issuer} },
		"a function": func(cfg *auth.Config) {
			cfg.Services = auth.ServiceFunc(func(_ context.Context, name string) (auth.Issuer, error) {
				if name != service {
					return nil, fmt.Errorf("tenant: %w", auth.ErrUnknownService)
				}
				return issuer, nil
			})
		},
	}
}

func TestServicesAreTheSameForGetAndPost(t *testing.T) {
	issuer := newIssuer(t)
	byHost := func(r *http.Request) string { return r.Host }
	panics := func(*http.Request) string { panic("a bug") }
	for form, configure := range serviceForms(issuer) {
		soleDefault := 200 // for a GET
		if form == "a function" {
			soleDefault = 400
		}
		for name, test := range map[string]struct {
			byDefault func(*http.Request) string
			host      string
			names     []string
			get, post int
		}{
			"its name":                    {nil, "", []string{service}, 200, 200},
			"another name":                {nil, "", []string{"other.test"}, 400, 400},
			"its name in upper case":      {nil, "", []string{strings.ToUpper(service)}, 400, 400},
			"no name":                     {nil, "", nil, soleDefault, 400},
			"an empty name":               {nil, "", []string{""}, 400, 400},
			"its name twice":              {nil, "", []string{service, service}, 400, 400},
			"its host":                    {byHost, service, nil, 200, 200},
			"another host":                {byHost, "other.test", nil, 400, 400},
			"its name at another host":    {byHost, "other.test", []string{service}, 200, 200},
			"another name at its host":    {byHost, service, []string{"other.test"}, 400, 400},
			"an empty name at its host":   {byHost, service, []string{""}, 400, 400},
			"a default that is no name":   {func(*http.Request) string { return "" }, "", nil, 400, 400},
			"a default that is too long":  {func(*http.Request) string { return long }, "", nil, 400, 400},
			"a default with a line break": {func(*http.Request) string { return "a\nb" }, "", nil, 400, 400},
			"a default that panics":       {panics, "", nil, 500, 500},
		} {
			t.Run(form+" by "+name, func(t *testing.T) {
				f := newLocalFixture(t, configure, func(cfg *auth.Config) {
					cfg.DefaultService = test.byDefault
				})
				for method, status := range map[string]int{"GET": test.get, "POST": test.post} {
					r := f.askService(t.Context(), method, test.host, test.names...).wantStatus(status)
					if status == 200 {
						r.wantService(issuer, service)
					}
				}
			})
		}
	}
}

var long = strings.Repeat("a", 256)

var errDatabaseDown = errors.New("dial db.internal: refused")

// A lookup that fails is an outage or a bug, and clients keep their passwords.
func TestOnlyAnUnknownServiceIs400(t *testing.T) {
	for name, test := range map[string]struct {
		issuer auth.Issuer
		err    error
		status int
	}{
		"unknown":                    {nil, auth.ErrUnknownService, 400},
		"unknown, with the reason":   {nil, fmt.Errorf("%w: deleted", auth.ErrUnknownService), 400},
		"unknown, besides an issuer": {newIssuer(t), auth.ErrUnknownService, 400},
		"in a database that is down": {nil, errDatabaseDown, 503},
		"an outage and an issuer":    {newIssuer(t), errDatabaseDown, 503},
		"without an issuer":          {nil, nil, 503},
		"with a nil issuer":          {(*token.Issuer)(nil), nil, 503},
	} {
		t.Run(name, func(t *testing.T) {
			f := newLocalFixture(t, func(cfg *auth.Config) {
				cfg.Services = auth.ServiceFunc(func(context.Context, string) (auth.Issuer, error) {
					return test.issuer, test.err
				})
			})
			for _, method := range []string{"GET", "POST"} {
				r := f.askService(t.Context(), method, "", service).wantStatus(test.status)
				wantHeader(t, r, "Retry-After", test.status == 503, "5")
				if strings.Contains(r.text, "internal:") || strings.Contains(r.text, "deleted") {
					t.Errorf("the client reads the cause: %s", r.text)
				}
				if err := f.lastRecord().Err; err == nil || test.err != nil && !errors.Is(err, test.err) {
					t.Errorf("the audit has %v, want %v", err, test.err)
				}
			}
		})
	}
}

func TestPanicOfTheServiceFunction(t *testing.T) {
	f := newLocalFixture(t, func(cfg *auth.Config) {
		cfg.Services = auth.ServiceFunc(func(_ context.Context, name string) (auth.Issuer, error) {
			if name == service {
				panic("a bug in the lookup")
			}
			return nil, auth.ErrUnknownService
		})
	})
	for _, method := range []string{"GET", "POST"} {
		f.askService(t.Context(), method, "", service).wantError(500, "UNKNOWN", "server_error")
		f.askService(t.Context(), method, "", "other.test").wantStatus(400)
	}
}

// A database that takes bytes for text, or a log, must not read such a name.
func TestTheServiceFunctionSeesOnlyNames(t *testing.T) {
	issuer := newIssuer(t)
	var seen []string
	type key struct{}
	f := newLocalFixture(t, func(cfg *auth.Config) {
		cfg.DefaultService = func(r *http.Request) string { return r.Host }
		cfg.Services = auth.ServiceFunc(func(ctx context.Context, name string) (auth.Issuer, error) {
			if _, ok := ctx.Deadline(); !ok || ctx.Value(key{}) != "request" {
				t.Error("the context is not that of the request")
			}
			seen = append(seen, name)
			return issuer, nil
		})
	})
	ctx := context.WithValue(t.Context(), key{}, "request")
	for name, status := range map[string]int{
		"registry.test": 200, "Docker registry": 200, "registry.test:5000": 200, "Größe": 200,
		long[:255]: 200, long: 400, "": 400, "a\x00b": 400, "a\nb": 400, "a\u0085b": 400, "a\x7f": 400,
		"a\xff": 400, "\xed\xa0\x80": 400,
	} {
		for _, method := range []string{"GET", "POST"} {
			seen = nil
			r := f.askService(ctx, method, "", name).wantStatus(status)
			if served := len(seen) == 1 && seen[0] == name; served != (status == 200) {
				t.Errorf("%s: the function is asked for %q instead of %q", method, seen, name)
			}
			if status == 200 {
				r.wantService(issuer, name)
			}
		}
	}
}
