package token_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/berthpass/registry-auth/token"
)

// files are the files of a key in a folder of their own.
type files struct{ folder, key, cert string }

func newFiles(tb testing.TB) files {
	tb.Helper()
	folder := tb.TempDir()
	return files{folder, filepath.Join(folder, "auth.key"), filepath.Join(folder, "auth.crt")}
}

func (f files) write(tb testing.TB, file string, data []byte) {
	tb.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// content maps the names of all files of the folder to what they hold.
func (f files) content(tb testing.TB) map[string]string {
	tb.Helper()
	entries, err := os.ReadDir(f.folder)
	if err != nil {
		tb.Fatal(err)
	}
	content := map[string]string{}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(f.folder, entry.Name()))
		if err != nil {
			tb.Fatal(err)
		}
		content[entry.Name()] = string(data)
	}
	return content
}

func loadOrGenerate(tb testing.TB, f files) *token.Key {
	tb.Helper()
	keys, err := openKeyFiles(f.key, f.cert)
	if err != nil {
		tb.Fatal(err)
	}
	return keys.Signing()
}

func TestAGeneratedKeyIsLoadedAtTheNextStart(t *testing.T) {
	f := newFiles(t)
	first := loadOrGenerate(t, f)
	if first.Algorithm() != token.ES256 || len(first.Certificates()) != 1 {
		t.Errorf("made %v with %d certificates", first, len(first.Certificates()))
	}
	if warnings := first.Warnings(); len(warnings) != 0 {
		t.Errorf("warnings %q", warnings)
	}
	for file, want := range map[string]fs.FileMode{f.key: 0o600, f.cert: 0o644} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode != want {
			t.Errorf("%s has mode %o, want %o", file, mode, want)
		}
	}
	before := f.content(t)
	if len(before) != 2 {
		t.Errorf("%d files are left", len(before))
	}
	second := loadOrGenerate(t, f)
	if second.ID() != first.ID() || !bytes.Equal(second.CertificatePEM(), first.CertificatePEM()) {
		t.Errorf("%v became %v", first, second)
	}
	if after := f.content(t); before["auth.key"] != after["auth.key"] || len(after) != 2 {
		t.Error("the files have changed")
	}
}

func TestAMissingCertificateIsMade(t *testing.T) {
	f := newFiles(t)
	f.write(t, f.key, testdata(t, "p256-pkcs8.pem"))
	key := loadOrGenerate(t, f)
	if key.ID() != p256Thumbprint || len(key.Certificates()) != 1 {
		t.Errorf("loaded %v with %d certificates", key, len(key.Certificates()))
	}
	if f.content(t)["auth.key"] != string(testdata(t, "p256-pkcs8.pem")) {
		t.Error("the key file has changed")
	}
}

func TestKeyFilesRefusesAndWritesNothing(t *testing.T) {
	key, cert := testdata(t, "p256-pkcs8.pem"), testdata(t, "p256-cert.pem")
	tests := []struct {
		name    string
		prepare func(f *files)
		want    error
	}{
		{
			"a certificate without its key", func(f *files) { f.write(t, f.cert, cert) },
			token.ErrKey,
		},
		{"an empty key file", func(f *files) { f.write(t, f.key, nil) }, token.ErrKey},
		{"half a key file", func(f *files) { f.write(t, f.key, key[:len(key)/2]) }, token.ErrKey},
		{"half a certificate", func(f *files) {
			f.write(t, f.key, key)
			f.write(t, f.cert, cert[:len(cert)/2])
		}, token.ErrKey},
		{"an empty certificate file", func(f *files) {
			f.write(t, f.key, key)
			f.write(t, f.cert, nil)
		}, token.ErrKey},
		{"a certificate of another key", func(f *files) {
			f.write(t, f.key, key)
			f.write(t, f.cert, testdata(t, "ed25519-cert.pem"))
		}, token.ErrKey},
		{"certificates in the key file, and no certificate file", func(f *files) {
			f.write(t, f.key, slices.Concat(key, cert))
		}, token.ErrKey},
		{"a folder that does not exist", func(f *files) {
			f.key = filepath.Join(f.folder, "none", "auth.key")
		}, fs.ErrNotExist},
		{"no name for the key", func(f *files) { f.key = "" }, token.ErrKey},
		{"no name for the certificate", func(f *files) { f.cert = "" }, token.ErrKey},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFiles(t)
			test.prepare(&f)
			before := f.content(t)
			keys, err := openKeyFiles(f.key, f.cert)
			if !errors.Is(err, test.want) || keys != nil {
				t.Errorf("error %v, want %v", err, test.want)
			}
			after := f.content(t)
			for name, data := range before {
				if after[name] != data {
					t.Errorf("%s has changed", name)
				}
			}
			if len(after) != len(before) {
				t.Errorf("%d files became %d", len(before), len(after))
			}
		})
	}
}

// What a crash leaves behind has another name, and is not read.
func TestATemporaryFileIsIgnored(t *testing.T) {
	f := newFiles(t)
	f.write(t, f.key+".123.tmp", testdata(t, "p256-pkcs8.pem"))
	if key := loadOrGenerate(t, f); key.ID() == p256Thumbprint {
		t.Error("the temporary file was loaded")
	}
}

// Processes share nothing but the files, and neither do these calls.
func TestSimultaneousStartsEndWithOneKey(t *testing.T) {
	for range 30 {
		f := newFiles(t)
		var keys [8]*token.Key
		var starts sync.WaitGroup
		for i := range keys {
			starts.Go(func() {
				set, err := openKeyFiles(f.key, f.cert)
				if err != nil {
					t.Error(err)
					return
				}
				keys[i] = set.Signing()
			})
		}
		starts.Wait()
		if t.Failed() {
			return
		}
		for _, key := range keys {
			if !bytes.Equal(key.CertificatePEM(), keys[0].CertificatePEM()) {
				t.Fatalf("%v and %v, or two certificates", key, keys[0])
			}
		}
		if n := len(f.content(t)); n != 2 {
			t.Fatalf("%d files", n)
		}
	}
}

// openKeyFiles returns the keys of an issuer that signs with the files.
func openKeyFiles(keyFile, certFile string) (*token.KeySet, error) {
	issuer, err := token.NewIssuer(token.IssuerConfig{
		Name: issuerName, Keys: token.KeyFiles(keyFile, certFile),
	})
	if err != nil {
		return nil, err
	}
	return issuer.KeySet(), nil
}
