package serve

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/berthpass/registry-auth/examples/server/internal/config"
)

// TestAnotherRefreshKey: a key that would make the tokens worthless keeps the server from starting until one of the ways out is
// taken that the error names. Where nothing would be lost it is taken.
func TestAnotherRefreshKey(t *testing.T) {
	remove := func(name string) func(*fixture) {
		return func(f *fixture) {
			if err := os.Remove(filepath.Join(f.folder, name)); err != nil {
				f.t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		spoil, mend func(*fixture)
		status      int // of a request with the token from before
	}{
		"the key is restored":              {func(f *fixture) { f.file("tokens.key", otherKey) }, nil, http.StatusOK},
		"the tokens are removed":           {func(f *fixture) { f.file("tokens.key", otherKey) }, remove("tokens"), http.StatusUnauthorized},
		"the key and tokens are removed":   {remove("tokens.key"), remove("tokens"), http.StatusUnauthorized},
		"the check is from another server": {func(f *fixture) { f.file("tokens.keycheck", string(keyCheck([]byte("other")))) }, remove("tokens.keycheck"), http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, kept)
			refresh := f.login()
			key, err := os.ReadFile(filepath.Join(f.folder, "tokens.key"))
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			test.spoil(f)
			if err := f.start(); err == nil {
				t.Fatal("it starts")
			}
			if test.mend != nil {
				test.mend(f)
			} else {
				f.file("tokens.key", string(key))
			}
			for range 2 { // what was mended stays so
				if err := f.start(); err != nil {
					t.Fatal(err)
				}
				if w := f.ask(refresh); w.Code != test.status {
					t.Errorf("status %d: %s", w.Code, w.Body)
				}
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestRefreshKeyCheckComesLater: a store from before there was one gets one, and from then on the key is compared.
func TestRefreshKeyCheckComesLater(t *testing.T) {
	f := newFixture(t, kept)
	refresh := f.login()
	if err := errors.Join(f.Close(), os.Remove(filepath.Join(f.folder, "tokens.keycheck"))); err != nil {
		t.Fatal(err)
	}
	if err := f.start(); err != nil {
		t.Fatal(err)
	}
	if w := f.ask(refresh); w.Code != http.StatusOK {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f.file("tokens.key", otherKey)
	if err := f.start(); err == nil {
		t.Error("it starts with another key")
	}
}

// TestMakeRefreshKey: a key that is there is not replaced, and what a crash may leave of a new one is not used.
func TestMakeRefreshKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	made, err := makeRefreshKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if read, err := config.ReadRefreshKey(path); err != nil || string(read) != string(made) {
		t.Errorf("the key is read as another one, or %v", err)
	}
	if _, err := makeRefreshKey(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second key: %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for length := range text {
		if err := os.WriteFile(path, text[:length], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.ReadRefreshKey(path); err == nil {
			t.Errorf("%d characters are a key", length)
		}
	}
}
