package section_test

import (
	"crypto/tls"
	"reflect"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/examples/server/internal/section"
)

// withServer is a configuration with a certificate and more lines in the section server.
func withServer(lines ...string) string {
	lines = append([]string{`certificate: "@DIR@/my.crt"`, `key: "@DIR@/my.key"`}, lines...)
	return strings.Replace(
		head,
		"addr:",
		strings.Join(lines, "\n  ")+"\n  addr:",
		1,
	) + "users: {}\nacl: []\n"
}

// TestTLS: what is configured, by docker_auth's names and by numbers, is what crypto/tls is told.
func TestTLS(t *testing.T) {
	suites := []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
	for name, test := range map[string]struct {
		lines []string
		want  section.TLS
	}{
		"nothing": {nil, section.TLS{MinVersion: tls.VersionTLS12}},
		"TLS 1.3": {
			[]string{"tls_min_version: TLS13"},
			section.TLS{MinVersion: tls.VersionTLS13},
		},
		"TLS 1.2 by its number": {
			[]string{"tls_min_version: 0x0303"},
			section.TLS{MinVersion: tls.VersionTLS12},
		},
		"an old version": {
			[]string{"tls_min_version: TLS11"},
			section.TLS{MinVersion: tls.VersionTLS12},
		},
		"curves": {
			[]string{"tls_curve_preferences: [X25519MLKEM768, X25519, P521, P384, 23]"},
			section.TLS{MinVersion: tls.VersionTLS12, CurvePreferences: []tls.CurveID{
				tls.X25519MLKEM768,
				tls.X25519, tls.CurveP521, tls.CurveP384, tls.CurveP256,
			}},
		},
		"suites": {
			[]string{"tls_cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, " +
				"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256]"},
			section.TLS{MinVersion: tls.VersionTLS12, CipherSuites: suites},
		},
		"a suite by its old name, one by its number, and insecure ones": {
			[]string{"tls_cipher_suites: [TLS_RSA_WITH_RC4_128_SHA, 0xc02b, TLS_FALLBACK_SCSV, " +
				"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305]"},
			section.TLS{MinVersion: tls.VersionTLS12, CipherSuites: suites},
		},
		"no suites": {[]string{"tls_cipher_suites: []"}, section.TLS{MinVersion: tls.VersionTLS12}},
		"no list":   {[]string{"tls_cipher_suites:"}, section.TLS{MinVersion: tls.VersionTLS12}},
		"TLS 1.3 with suites": {
			[]string{"tls_min_version: TLS13", "tls_cipher_suites: [TLS_AES_128_GCM_SHA256]"},
			section.TLS{MinVersion: tls.VersionTLS13, CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := newFixture(t, withServer(test.lines...)).mustLoad().Server.TLS
			if got == nil || got.Certificate == nil {
				t.Fatalf("there is no certificate: %+v", got)
			}
			got.Certificate = nil
			if !reflect.DeepEqual(*got, test.want) {
				t.Errorf("read as %+v, want %+v", *got, test.want)
			}
		})
	}
}

// TestLetsEncrypt in place of a certificate, under both names of the folder. Without either there
// is no TLS.
func TestLetsEncrypt(t *testing.T) {
	for _, key := range []string{"cache_dir", "cachedir"} {
		f := newFixture(
			t,
			strings.Replace(
				head,
				"addr:",
				"letsencrypt: {email: a@b.c, host: h, "+key+": \"@DIR@\"}\n  tls_min_version: TLS13\n  addr:",
				1,
			)+"users: {}\nacl: []\n",
		)
		want := section.TLS{
			MinVersion:  tls.VersionTLS13,
			LetsEncrypt: &section.LetsEncrypt{Email: "a@b.c", Host: "h", CacheDir: f.folder},
		}
		if got := f.mustLoad().Server.TLS; got == nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("read as %+v, want %+v", got, want)
		}
	}
	f := newFixture(
		t,
		strings.Replace(
			head,
			"addr:",
			"certificate: \"\"\n  tls_min_version: TLS13\n  addr:",
			1,
		)+"users: {}\nacl: []\n",
	)
	if got := f.mustLoad().Server.TLS; got != nil {
		t.Errorf("TLS without a certificate: %+v", got)
	}
}
