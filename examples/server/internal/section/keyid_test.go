package section_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/examples/server/internal/section"
	"github.com/berthpass/registry-auth/token"
)

// TestKeyID: a service has the common setting unless it has one of its own, whichever it is.
func TestKeyID(t *testing.T) {
	const thumbprint, libtrust = "a thumbprint", "libtrust's id"
	for name, test := range map[string]struct{ common, own, want string }{
		"nothing said":                     {"", "", libtrust},
		"common true":                      {"true", "", thumbprint},
		"common false":                     {"false", "", libtrust},
		"own true":                         {"", "true", thumbprint},
		"own true, common false":           {"false", "true", thumbprint},
		"own false, common true":           {"true", "false", libtrust},
		"own true and common true":         {"true", "true", thumbprint},
		"own without a value, common true": {"true", "~", thumbprint},
	} {
		t.Run(name, func(t *testing.T) {
			common, own := "", ""
			if test.common != "" {
				common = "disable_legacy_key_id: " + test.common + "\n  "
			}
			if test.own != "" {
				own = "disable_legacy_key_id: " + test.own
			}
			text := strings.Replace(
				head,
				`services: ["registry.test"]`,
				common+"services: {registry.test: {"+own+"}}",
				1,
			)
			cfg := newFixture(t, text+"users: {}\nacl: []\n").mustLoad()
			issuer := cfg.Token.Issuer("registry.test")
			key := issuer.KeySet().Signing()
			want := map[string]string{thumbprint: key.ID(), libtrust: key.LibtrustID()}[test.want]
			if got := keyID(t, issuer); got != want || key.ID() == key.LibtrustID() {
				t.Errorf("the kid is %q, want %s: %q", got, test.want, want)
			}
		})
	}
}

// TestKeyIDForAnyService: without services, the common setting counts.
func TestKeyIDForAnyService(t *testing.T) {
	text := strings.Replace(head, `services: ["registry.test"]`, "disable_legacy_key_id: yes", 1)
	issuer := newFixture(t, text+"users: {}\nacl: []\n").mustLoad().Token.AnyService
	if got, want := keyID(t, issuer), issuer.KeySet().Signing().ID(); got != want {
		t.Errorf("the kid is %q, want %q", got, want)
	}
}

// keyID is the kid of a token.
func keyID(t *testing.T, issuer section.Issuer) string {
	t.Helper()
	issued, err := issuer.Issue(t.Context(), token.Request{Audience: "registry.test"})
	if err != nil {
		t.Fatal(err)
	}
	encoded, _, _ := strings.Cut(string(issued.Value), ".")
	decoded, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	var header struct{ Kid string }
	if err := json.Unmarshal(decoded, &header); err != nil {
		t.Fatal(err)
	}
	return header.Kid
}
