package auth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/token"
)

// Configured services keep their issuer. All others get that of InsecureAnyService.
func TestAnyService(t *testing.T) {
	other := newIssuer(t)
	f := newFixture(t, func(cfg *auth.Config) { cfg.InsecureAnyService = other })
	for name, test := range map[string]struct {
		service string
		status  int
		issuer  *token.Issuer
	}{
		"a service that is configured":       {service, http.StatusOK, f.issuer},
		"another one":                        {"elsewhere.example.com", http.StatusOK, other},
		"a name with a space":                {"Docker registry", http.StatusOK, other},
		"none":                               {"", http.StatusBadRequest, nil},
		"a name with a control character":    {"a\x00b", http.StatusBadRequest, nil},
		"a name that is not UTF-8":           {"a\xff", http.StatusBadRequest, nil},
		"a name that would fill the token":   {strings.Repeat("a", 256), http.StatusBadRequest, nil},
		"the longest name that is issued to": {strings.Repeat("a", 255), http.StatusOK, other},
	} {
		t.Run(name, func(t *testing.T) {
			query := ""
			if test.service != "" {
				query = url.Values{"service": {test.service}}.Encode()
			}
			answer := f.get(query, "").wantStatus(test.status)
			if test.issuer == nil {
				return
			}
			verifier, err := test.issuer.Verifier(test.service)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := verifier.Verify(answer.body.Token); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnyServiceSharesNoKeyInSecret(t *testing.T) {
	issuer := newIssuer(t)
	cfg := auth.Config{Services: auth.ServiceMap{service: issuer}, InsecureAnyService: issuer, Authorizer: policy()}
	if _, err := auth.NewServer(cfg); err == nil || !strings.Contains(err.Error(), "share the key") {
		t.Errorf("error is %v", err)
	}
	cfg.SharedKeysAllowed = true
	if _, err := auth.NewServer(cfg); err != nil {
		t.Error(err)
	}
	cfg.Services = nil
	if _, err := auth.NewServer(cfg); err != nil {
		t.Error(err)
	}
}
