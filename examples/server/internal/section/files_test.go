package section_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/token"
)

// head is the sections that each configuration needs, in nine lines.
const head = `server:
  addr: "127.0.0.1:5001"
token:
  issuer: "auth.test"
  expiration: 900
  certificate: "@DIR@/my.crt"
  key: "@DIR@/my.key"
  services: ["registry.test"]

`

// files are a key with its certificate, another one, and a password hash, to be named in
// configurations.
type files struct {
	folder string
	hash   string
}

func newFiles(tb testing.TB, folder string) *files {
	tb.Helper()
	for _, name := range []string{"my", "other"} {
		key, err := token.GenerateKey(token.ES256)
		if err != nil {
			tb.Fatal(err)
		}
		private, err := key.PrivateKeyPEM()
		if err != nil {
			tb.Fatal(err)
		}
		write(tb, filepath.Join(folder, name+".key"), string(private))
		write(tb, filepath.Join(folder, name+".crt"), string(key.CertificatePEM()))
	}
	// The password is wonderland, the cost 10.
	return &files{folder, "$2y$10$VIHOxGyt512JimMpzcQr6.D598HnyTIAi2PcjREskOQ2jL4jRfJDK"}
}

// replace fills in the placeholders.
func (f *files) replace(text string) string {
	return strings.NewReplacer("@DIR@", f.folder, "@HASH@", f.hash).Replace(text)
}

func write(tb testing.TB, path, content string) {
	tb.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
}
