package serve

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/token"
)

// TestRenewalFails: that the keys of an authority which is about to end are not renewed is seen
// before anybody is refused, and is over with another authority.
func TestRenewalFails(t *testing.T) {
	var authority *token.Authority
	f := newFixture(
		t,
		strings.Replace(base, "  issuer:", "  authority: true\n  issuer:", 1),
		func(f *fixture) { authority = f.newAuthority() },
	)
	look := func(when string, fails bool, status int) {
		t.Helper()
		if w := f.get("/readyz"); w.Code != http.StatusOK ||
			strings.Contains(w.Body.String(), "could not be renewed") != fails {
			t.Errorf("%s: status %d: %s", when, w.Code, w.Body)
		}
		metric := "\nregistry_auth_signing_key_renewal_failing " + map[bool]string{
			false: "0",
			true:  "1",
		}[fails] + "\n"
		if !strings.Contains(f.metricsText(), metric) {
			t.Errorf("%s: the metrics lack %q", when, metric)
		}
		if w := f.get(devs); w.Code != status {
			t.Errorf("%s: status %d: %s", when, w.Code, w.Body)
		}
	}
	look("at start", false, http.StatusOK)
	end := authority.Certificate().NotAfter
	synctest.Test(t, func(t *testing.T) {
		for _, step := range []struct {
			beforeEnd time.Duration
			fails     bool
			status    int
		}{
			{30 * time.Hour, false, http.StatusOK},
			{13 * time.Hour, false, http.StatusOK}, // the last key is made
			{12 * time.Hour, false, http.StatusOK}, // it signs
			{time.Hour, true, http.StatusOK},
			{-time.Hour, true, http.StatusServiceUnavailable},
		} {
			time.Sleep(time.Until(end.Add(-step.beforeEnd)))
			look(step.beforeEnd.String()+" before the end", step.fails, step.status)
		}
	})
	f.newAuthority()
	if _, err := f.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	look("with another authority", false, http.StatusOK)
}

// newAuthority puts a new authority in place of the signing key.
func (f *fixture) newAuthority() *token.Authority {
	f.t.Helper()
	authority, err := token.GenerateAuthority(token.ES256)
	if err != nil {
		f.t.Fatal(err)
	}
	private, err := authority.PrivateKeyPEM()
	if err != nil {
		f.t.Fatal(err)
	}
	f.file("my.key", string(private))
	f.file("my.crt", string(authority.CertificatePEM()))
	return authority
}
