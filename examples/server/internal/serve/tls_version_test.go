package serve

import (
	"context"
	"crypto/tls"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// TestTLSVersions shakes hands: an old version of TLS is refused, also one that only the
// configuration calls too old.
func TestTLSVersions(t *testing.T) {
	for name, test := range map[string]struct {
		setting  string
		version  uint16
		accepted bool
	}{
		"TLS 1.0 by default":             {"", tls.VersionTLS10, false},
		"TLS 1.1 by default":             {"", tls.VersionTLS11, false},
		"TLS 1.2 by default":             {"", tls.VersionTLS12, true},
		"TLS 1.3 by default":             {"", tls.VersionTLS13, true},
		"TLS 1.1 where it is configured": {"  tls_min_version: TLS11\n", tls.VersionTLS11, false},
		"TLS 1.2 where 1.3 is required":  {"  tls_min_version: TLS13\n", tls.VersionTLS12, false},
		"TLS 1.3 where it is required":   {"  tls_min_version: TLS13\n", tls.VersionTLS13, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, strings.NewReplacer(
				`"127.0.0.1:0"`,
				`"@DIR@/socket"`,
				"server:\n",
				"server:\n  net: unix\n  certificate: \"@DIR@/tls.crt\"\n  key: \"@DIR@/tls.key\"\n"+
					test.setting,
			).Replace(base), withTLS)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- f.Run(ctx, nil) }()
			f.log.wait("msg=listening")
			err := f.handshake(test.version)
			if (err == nil) != test.accepted ||
				err != nil && !strings.Contains(err.Error(), "protocol version") {
				t.Errorf("the handshake ends with %v, want it accepted: %v", err, test.accepted)
			}
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// handshake makes a connection with one version of TLS only.
func (f *fixture) handshake(version uint16) error {
	raw, err := new(net.Dialer).DialContext(f.t.Context(), "unix", filepath.Join(f.folder, "socket"))
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	client := tls.Client(
		raw,
		&tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version},
	)
	return client.HandshakeContext(f.t.Context())
}
