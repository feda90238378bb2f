package token_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

// keyFiles are the files of a key in a folder of their own.
type keyFiles struct{ key, cert string }

func newKeyFiles(tb testing.TB) keyFiles {
	tb.Helper()
	folder := tb.TempDir()
	return keyFiles{filepath.Join(folder, "auth.key"), filepath.Join(folder, "auth.crt")}
}

// write writes a file in place.
func (keyFiles) write(tb testing.TB, path string, data []byte, mode os.FileMode) {
	tb.Helper()
	if err := os.WriteFile(path, data, mode); err != nil {
		tb.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		tb.Fatal(err)
	}
}

// replace renames a new file over the old one.
func (f keyFiles) replace(tb testing.TB, path string, data []byte) {
	tb.Helper()
	f.write(tb, path+".new", data, 0o600)
	if err := os.Rename(path+".new", path); err != nil {
		tb.Fatal(err)
	}
}

// pemOf returns the private key and the certificates.
func pemOf(tb testing.TB, key *token.Key) []byte {
	tb.Helper()
	keyPEM, err := key.PrivateKeyPEM()
	if err != nil {
		tb.Fatal(err)
	}
	return append(keyPEM, key.CertificatePEM()...)
}

// An openKeyFile is a key file under test, by a clock that stands still. What it logs goes to the buffer.
type openKeyFile struct {
	keyFiles
	*token.KeyFile
	clock *clock
	log   *bytes.Buffer
}

// newKeyFile writes a key with its certificates to one file, and opens it.
func newKeyFile(tb testing.TB, key *token.Key, config token.KeyFileConfig) *openKeyFile {
	tb.Helper()
	f := &openKeyFile{keyFiles: newKeyFiles(tb), clock: newClock(), log: &bytes.Buffer{}}
	f.write(tb, f.key, pemOf(tb, key), 0o600)
	config.Now, config.Logger = f.clock.Now, slog.New(slog.NewTextHandler(f.log, nil))
	var err error
	if f.KeyFile, err = token.OpenKeyFile(f.key, config); err != nil {
		tb.Fatal(err)
	}
	f.settle()
	return f
}

// settle lets time go on until a change counts, while the set is used.
func (f *openKeyFile) settle() {
	for range 4 {
		f.clock.Advance(time.Second)
		f.Keys().Signing()
	}
}

func (f *openKeyFile) wantSigning(tb testing.TB, key *token.Key) {
	tb.Helper()
	if signing := f.Keys().Signing(); signing.ID() != key.ID() {
		tb.Errorf("%v signs, not %v", signing, key)
	}
}

func (f *openKeyFile) wantPublished(tb testing.TB, keys ...*token.Key) {
	tb.Helper()
	var want []string
	for _, key := range keys {
		want = append(want, key.ID())
	}
	if got := ids(f.Keys()); fmt.Sprint(got) != fmt.Sprint(want) {
		tb.Errorf("published %v, want %v", got, want)
	}
}

func below(tb testing.TB, authority *token.Authority) *token.Key {
	tb.Helper()
	key, err := authority.GenerateKey("", 30*24*time.Hour)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func TestAKeyBelowTheRootsSignsByItself(t *testing.T) {
	authority := generateAuthority(t)
	first, second := below(t, authority), below(t, authority)
	f := newKeyFile(t, first, token.KeyFileConfig{Roots: rootsOf(authority)})
	f.wantSigning(t, first)
	f.replace(t, f.key, pemOf(t, second))
	f.settle()
	f.wantSigning(t, first)
	f.wantPublished(t, first, second)
	if pending := f.Pending(); pending == nil || pending.ID() != second.ID() {
		t.Errorf("pending is %v", pending)
	}
	f.clock.Advance(5 * time.Minute) // as long as a verifier may keep the JWKS
	f.wantSigning(t, second)
	f.wantPublished(t, first, second)
	f.clock.Advance(token.MaxLifetime + token.DefaultLeeway)
	f.wantPublished(t, first, second)
	f.clock.Advance(6 * time.Minute)
	f.wantPublished(t, second)
	if f.Err() != nil || f.Pending() != nil || strings.Contains(f.log.String(), "ERROR") {
		t.Errorf("Err = %v, logged %s", f.Err(), f.log)
	}
}

// Registries that read their bundle at start would refuse its tokens.
func TestAKeyThatRegistriesMayNotKnowWaits(t *testing.T) {
	authority := generateAuthority(t)
	first := below(t, authority)
	ed, err := authority.GenerateKey(token.EdDSA, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	roots := rootsOf(authority)
	for name, test := range map[string]struct {
		roots *x509.CertPool
		next  *token.Key
	}{
		"without roots":                 {nil, below(t, authority)},
		"with a certificate of its own": {roots, generateKey(t, token.ES256)},
		"below another authority":       {roots, below(t, generateAuthority(t))},
		"of another algorithm":          {roots, ed},
	} {
		t.Run(name, func(t *testing.T) {
			f := newKeyFile(t, first, token.KeyFileConfig{Roots: test.roots})
			if err := f.Promote(); !errors.Is(err, token.ErrKeyUnknown) {
				t.Errorf("nothing is pending, but the error is %v", err)
			}
			f.replace(t, f.key, pemOf(t, test.next))
			f.settle()
			f.clock.Advance(24 * time.Hour)
			f.wantSigning(t, first)
			f.wantPublished(t, first, test.next)
			if f.Err() != nil || strings.Count(f.log.String(), "waits to be promoted") != 1 {
				t.Errorf("Err = %v, logged %s", f.Err(), f.log)
			}
			if err := f.Promote(); err != nil {
				t.Error(err)
			}
			f.wantSigning(t, test.next)
			f.wantPublished(t, first, test.next)
		})
	}
}

func TestPromoteUnknownLetsAnyKeySign(t *testing.T) {
	next := generateKey(t, token.ES384)
	f := newKeyFile(t, generateKey(t, token.ES256), token.KeyFileConfig{PromoteUnknown: true, PublishFirst: -1})
	f.replace(t, f.key, pemOf(t, next))
	f.settle()
	f.wantSigning(t, next)
}

func TestARenewedCertificateInAFile(t *testing.T) {
	first := generateKey(t, token.ES256)
	renewed, err := first.SelfSigned("renewed", 365*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	name := func(f *openKeyFile) string { return f.Keys().Signing().Certificates()[0].Subject.CommonName }

	f := newKeyFile(t, first, token.KeyFileConfig{})
	f.replace(t, f.key, pemOf(t, renewed))
	f.settle()
	if name(f) == "renewed" {
		t.Error("registries that have the old certificate refuse the new one")
	}
	if err := f.Promote(); err != nil {
		t.Error(err)
	}
	if name(f) != "renewed" || len(f.Keys().Keys()) != 1 {
		t.Errorf("the certificate is that of %q", name(f))
	}

	roots := x509.NewCertPool() // with both
	roots.AddCert(first.Certificates()[0])
	roots.AddCert(renewed.Certificates()[0])
	f = newKeyFile(t, first, token.KeyFileConfig{Roots: roots})
	f.replace(t, f.key, pemOf(t, renewed))
	f.settle()
	f.clock.Advance(5 * time.Minute)
	if name(f) != "renewed" || len(f.Keys().Keys()) != 1 {
		t.Errorf("the certificate is that of %q", name(f))
	}
	f.clock.Advance(24 * time.Hour)
	f.wantPublished(t, first)
}

func TestFilesThatAreChangedBack(t *testing.T) {
	first, second := generateKey(t, token.ES256), generateKey(t, token.ES256)
	f := newKeyFile(t, first, token.KeyFileConfig{})
	f.replace(t, f.key, pemOf(t, second))
	f.settle()
	f.replace(t, f.key, pemOf(t, first))
	f.settle()
	if f.Pending() != nil {
		t.Error("a key is pending that is in no file")
	}
	f.wantPublished(t, first, second) // since a replica may have promoted it
	f.replace(t, f.key, pemOf(t, second))
	f.settle()
	f.clock.Advance(24 * time.Hour)
	f.wantPublished(t, first, second)
	if err := f.Promote(); err != nil {
		t.Error(err)
	}
	f.replace(t, f.key, pemOf(t, first)) // which is old by now
	f.settle()
	f.clock.Advance(24 * time.Hour)
	f.wantPublished(t, first, second)
	if err := f.Promote(); err != nil {
		t.Error(err)
	}
	f.wantSigning(t, first)
	f.clock.Advance(24 * time.Hour)
	f.wantPublished(t, first)
}

// What was changed by hand is left alone.
func TestACertificateThatIsChangedBackRetiresNothing(t *testing.T) {
	first, other := generateKey(t, token.ES256), generateKey(t, token.ES256)
	renewed, err := first.SelfSigned("renewed", 365*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	f := newKeyFile(t, first, token.KeyFileConfig{})
	for _, key := range []*token.Key{renewed, first} {
		f.replace(t, f.key, pemOf(t, key))
		f.settle()
	}
	if f.Pending() != nil {
		t.Error("a certificate is pending that is in no file")
	}
	if err := errors.Join(f.Keys().Add(other), f.Keys().Promote(other.ID())); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(24 * time.Hour)
	f.wantPublished(t, first, other)
}

func TestKeyAndCertificateInTwoFiles(t *testing.T) {
	authority := generateAuthority(t)
	first, second := below(t, authority), below(t, authority)
	files, clock := newKeyFiles(t), newClock()
	split := func(key *token.Key) (keyPEM, certPEM []byte) {
		keyPEM, err := key.PrivateKeyPEM()
		if err != nil {
			t.Fatal(err)
		}
		return keyPEM, key.CertificatePEM()
	}
	keyPEM, certPEM := split(first)
	files.write(t, files.key, keyPEM, 0o600)
	files.write(t, files.cert, certPEM, 0o644) // which is public
	var log bytes.Buffer
	opened, err := token.OpenKeyFile(files.key, token.KeyFileConfig{
		CertFile: files.cert, Roots: rootsOf(authority), Logger: slog.New(slog.NewTextHandler(&log, nil)), Now: clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &openKeyFile{keyFiles: files, KeyFile: opened, clock: clock, log: &log}
	f.settle()

	keyPEM, certPEM = split(second)
	f.replace(t, f.key, keyPEM)
	f.clock.Advance(time.Second)
	f.Keys().Signing()
	f.clock.Advance(1500 * time.Millisecond)
	f.Keys().Signing()
	f.replace(t, f.cert, certPEM) // in time
	f.settle()
	if f.Err() != nil || log.Len() == 0 || strings.Contains(log.String(), "ERROR") {
		t.Errorf("Err = %v, logged %s", f.Err(), &log)
	}
	f.wantPublished(t, first, second)

	keyPEM, _ = split(first)
	f.replace(t, f.key, keyPEM) // and nothing else
	f.settle()
	f.settle()
	if !errors.Is(f.Err(), token.ErrKeyMismatch) || strings.Count(log.String(), "ERROR") != 1 {
		t.Errorf("Err = %v, logged %s", f.Err(), &log)
	}
}

func TestReloadDoesNotWait(t *testing.T) {
	first, second := generateKey(t, token.ES256), generateKey(t, token.ES256)
	f := newKeyFile(t, first, token.KeyFileConfig{PromoteUnknown: true, PublishFirst: -1})
	f.replace(t, f.key, pemOf(t, second))
	if err := f.Reload(); err != nil {
		t.Error(err)
	}
	f.wantSigning(t, second)
	f.replace(t, f.key, []byte("nothing"))
	if err := f.Reload(); err == nil || f.Err() == nil {
		t.Error("no error")
	}
	f.wantSigning(t, second)
}

func TestABrokenReplacementIsNotTakenOver(t *testing.T) {
	authority := generateAuthority(t)
	first, next := below(t, authority), below(t, authority)
	nextPEM := pemOf(t, next)
	nextKeyPEM, err := next.PrivateKeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.Split(string(nextKeyPEM), "\n")[1]
	for name, breakIt := range map[string]func(t *testing.T, f *openKeyFile){
		"empty":            func(t *testing.T, f *openKeyFile) { t.Helper(); f.write(t, f.key, nil, 0o600) },
		"half of the key":  func(t *testing.T, f *openKeyFile) { t.Helper(); f.write(t, f.key, nextPEM[:80], 0o600) },
		"cut in the chain": func(t *testing.T, f *openKeyFile) { t.Helper(); f.write(t, f.key, nextPEM[:len(nextPEM)-80], 0o600) },
		"cut between key and certificate": func(t *testing.T, f *openKeyFile) {
			t.Helper()
			f.write(t, f.key, nextKeyPEM, 0o600)
		},
		"no PEM":         func(t *testing.T, f *openKeyFile) { t.Helper(); f.write(t, f.key, []byte(secret), 0o600) },
		"no private key": func(t *testing.T, f *openKeyFile) { t.Helper(); f.write(t, f.key, next.CertificatePEM(), 0o600) },
		"an encrypted key": func(t *testing.T, f *openKeyFile) {
			t.Helper()
			f.write(t, f.key, testdata(t, "p256-pkcs8-encrypted.pem"), 0o600)
		},
		"a certificate of another key": func(t *testing.T, f *openKeyFile) {
			t.Helper()
			f.write(t, f.key, append(bytes.Clone(nextKeyPEM), first.CertificatePEM()...), 0o600)
		},
		"readable by everybody": func(t *testing.T, f *openKeyFile) { t.Helper(); f.write(t, f.key, nextPEM, 0o644) },
		"too large": func(t *testing.T, f *openKeyFile) {
			t.Helper()
			f.write(t, f.key, append(bytes.Clone(nextPEM), make([]byte, 1<<20)...), 0o600)
		},
		"vanished": func(t *testing.T, f *openKeyFile) {
			t.Helper()
			if err := os.Remove(f.key); err != nil {
				t.Fatal(err)
			}
		},
		"a folder": func(t *testing.T, f *openKeyFile) {
			t.Helper()
			if err := errors.Join(os.Remove(f.key), os.Mkdir(f.key, 0o700)); err != nil {
				t.Fatal(err)
			}
		},
		"a pipe, of which reading would not end": func(t *testing.T, f *openKeyFile) {
			t.Helper()
			mkfifo, err := exec.LookPath("mkfifo")
			if err != nil {
				t.Skip("there is no mkfifo")
			}
			if err := errors.Join(os.Remove(f.key), exec.CommandContext(t.Context(), mkfifo, f.key).Run()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newKeyFile(t, first, token.KeyFileConfig{Roots: rootsOf(authority), PublishFirst: -1})
			breakIt(t, f)
			f.settle()
			f.settle()
			f.wantSigning(t, first)
			f.wantPublished(t, first)
			if logged := strings.Count(f.log.String(), "level=ERROR"); f.Err() == nil || logged != 1 || !strings.Contains(f.log.String(), f.key) {
				t.Errorf("Err = %v, logged %s", f.Err(), f.log)
			}
			if text := f.Err().Error() + f.log.String(); strings.Contains(text, secret) {
				t.Errorf("a secret is shown: %s", text)
			}
			if err := os.RemoveAll(f.key); err != nil {
				t.Fatal(err)
			}
			f.write(t, f.key, nextPEM, 0o600)
			f.settle()
			f.wantSigning(t, next)
			if err := f.Err(); err != nil {
				t.Errorf("mended, but Err = %v", err)
			}
		})
	}
}

// Kubernetes mounts secrets so; there, nothing gets worse.
func TestAFileThatEverybodyMightReadBeforeIsWarnedAbout(t *testing.T) {
	first, next := generateKey(t, token.ES256), generateKey(t, token.ES256)
	files, clock := newKeyFiles(t), newClock()
	files.write(t, files.key, pemOf(t, first), 0o644)
	var log bytes.Buffer
	opened, err := token.OpenKeyFile(files.key, token.KeyFileConfig{Logger: slog.New(slog.NewTextHandler(&log, nil)), Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	f := &openKeyFile{keyFiles: files, KeyFile: opened, clock: clock, log: &log}
	if warnings := f.Keys().Signing().Warnings(); len(warnings) != 1 || !strings.Contains(warnings[0], "read by everybody") {
		t.Errorf("warnings %q", warnings)
	}
	f.write(t, f.key, pemOf(t, next), 0o644)
	f.settle()
	if f.Pending() == nil || f.Err() != nil || strings.Count(log.String(), "read by everybody") != 1 {
		t.Errorf("pending %v, Err = %v, logged %s", f.Pending(), f.Err(), &log)
	}
}

// A read error may pass without a change to the file, so it is tried again, and logged once.
func TestAKeyFileThatCannotBeReadIsTriedAgain(t *testing.T) {
	const unreadable = "/proc/self/mem" // at its beginning, even for root
	if _, err := os.ReadFile(unreadable); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Skip("there is no such file")
	}
	f := newKeyFile(t, generateKey(t, token.ES256), token.KeyFileConfig{})
	if err := errors.Join(os.Remove(f.key), os.Symlink(unreadable, f.key)); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.settle()
	if f.Err() == nil || strings.Count(f.log.String(), "level=ERROR") != 1 {
		t.Errorf("Err = %v, logged %s", f.Err(), f.log)
	}
}

func TestOpenKeyFileRefuses(t *testing.T) {
	files := newKeyFiles(t)
	if f, err := token.OpenKeyFile(files.key, token.KeyFileConfig{}); f != nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v, %v", f, err)
	}
	files.write(t, files.key, nil, 0o600)
	if f, err := token.OpenKeyFile(files.key, token.KeyFileConfig{}); f != nil || err == nil {
		t.Errorf("an empty file: %v, %v", f, err)
	}
}
