package doctor

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/berthpass/registry-auth/token"
)

func TestWhereRegistriesListen(t *testing.T) {
	tests := []struct{ name, config, listens, external string }{
		{
			"distribution at an address",
			`{version: 0.1, http: {addr: "10.0.0.1:5000"}, auth: {token: {}}}`,
			"http://10.0.0.1:5000", "",
		},
		{
			"distribution at all addresses",
			`{version: 0.1, http: {addr: ":5000", host: "https://r.test"}, auth: {token: {}}}`,
			"http://localhost:5000", "https://r.test",
		},
		{
			"distribution with TLS",
			`{version: 0.1, http: {addr: "[::]:5000", tls: {certificate: a.crt}}, auth: {token: ` +
				`{}}}`,
			"https://localhost:5000", "",
		},
		{
			"distribution at a socket",
			`{version: 0.1, http: {net: unix, addr: /run/r.sock}, auth: {token: {}}}`,
			"", "",
		},
		{"zot by default", `{"http": {"auth": {"bearer": {}}}}`, "http://127.0.0.1:8080", ""},
		{
			"zot with a port that is a number",
			`{"http": {"address": "::1", "port": 5000, "auth": {"bearer": {}}}}`,
			"http://[::1]:5000", "",
		},
		{
			"zot in any case, with TLS",
			`{"HTTP": {"Port": "443", "externalURL": "https://z.test", "tls": {"cert": "c"}, ` +
				`"auth": {"Bearer": {}}}}`,
			"https://127.0.0.1:443", "https://z.test",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := must(parseRegistry([]byte(tt.config), false))(t)
			if r.listens != tt.listens || r.external != tt.external {
				t.Errorf("got %q and %q", r.listens, r.external)
			}
		})
	}
}

// TestEnvironment: distribution's variables count only if that is said.
func TestEnvironment(t *testing.T) {
	t.Setenv("REGISTRY_AUTH_TOKEN_ISSUER", "other.test")
	in := newInput(t, newKey(t, token.ES256), "good.yml")
	expectLines(t, in, true, `ok   issuer: "auth.test"`)
	in.Environment = true
	expectLines(t, in, false, `FIX  issuer: the registry expects "other.test" and the tokens say `+
		`"auth.test": set auth.token.issuer to "auth.test"`)
}

// FuzzParseRegistry: a file that is read without an error has a registry's address, which is a URL
// or nothing. All others are unreadable.
func FuzzParseRegistry(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yml", "testdata/*.json"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseRegistry(data, false)
		if err != nil {
			if !errors.Is(err, ErrUnreadable) || r != nil {
				t.Errorf("got %v and %v", r, err)
			}
			return
		}
		if _, err := url.Parse(r.listens); err != nil {
			t.Errorf("listens at %q: %v", r.listens, err)
		}
	})
}
