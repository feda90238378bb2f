package serve

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/examples/server/internal/config"
	"github.com/berthpass/registry-auth/token/refreshfile"
)

const kept = base + "refresh_tokens: {file: \"@DIR@/tokens\", key_file: \"@DIR@/tokens.key\"}\n"

// otherKey is one that somebody made.
const otherKey = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"

// closing closes the server at the end of the test, if the test did not.
func closing(f *fixture) { f.t.Cleanup(func() { _ = f.Close() }) }

// TestRefreshFile: tokens outlive the server, and its key is for nobody else.
func TestRefreshFile(t *testing.T) {
	f := newFixture(t, kept, closing)
	refresh := f.login()
	info, err := os.Stat(filepath.Join(f.folder, "tokens.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v", info, err)
	}
	key, err := config.ReadRefreshKey(filepath.Join(f.folder, "tokens.key"))
	if err != nil || len(key) != 32 {
		t.Errorf("a key of %d bytes, %v", len(key), err)
	}
	if files, _ := filepath.Glob(filepath.Join(f.folder, "tokens*")); len(files) != 3 { // and what tells the key
		t.Errorf("there are the files %v", files)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.start(); err != nil {
		t.Fatal(err)
	}
	if w := f.ask(refresh); w.Code != http.StatusOK {
		t.Errorf("after a restart: status %d: %s", w.Code, w.Body)
	}
}

// TestRefreshFileAndReload: the file belongs to the process. A reload neither opens it again nor loses what is in it.
func TestRefreshFileAndReload(t *testing.T) {
	f := newFixture(t, kept, closing)
	refresh := f.login()
	for _, step := range []struct {
		text   string
		status int
		told   bool
	}{
		{kept, http.StatusOK, false},
		{strings.Replace(kept, "{file", "{enabled: false, file", 1), http.StatusBadRequest, false},
		{strings.Replace(kept, "@DIR@/tokens\"", "@DIR@/others\"", 1), http.StatusOK, true},
		{strings.Replace(kept, "@DIR@/tokens.key", "@DIR@/others.key", 1), http.StatusOK, true},
		{base, http.StatusOK, true},
		{kept, http.StatusOK, false},
	} {
		before := len(f.log.String())
		f.write(step.text)
		if _, err := f.reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if told := strings.Contains(f.log.String()[before:], "a changed setting needs a restart\" setting=refresh_tokens"); told != step.told {
			t.Errorf("%q: a restart is needed: %t", step.text, told)
		}
		if w := f.ask(refresh); w.Code != step.status {
			t.Errorf("%q: status %d: %s", step.text, w.Code, w.Body)
		}
	}
	for _, name := range []string{"others", "others.key"} {
		if exists(filepath.Join(f.folder, name)) {
			t.Errorf("%s was made", name)
		}
	}
}

// TestRefreshFileThatCannotBeUsed keeps the server from starting: nobody is to lose logins in silence.
func TestRefreshFileThatCannotBeUsed(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*fixture)
		want  string
	}{
		"in use": {func(f *fixture) {
			store, err := refreshfile.Open(refreshfile.Config{Path: filepath.Join(f.folder, "tokens")})
			if err != nil {
				f.t.Fatal(err)
			}
			f.t.Cleanup(func() { _ = store.Close() })
		}, "in use by another process"},
		"no such file": {func(f *fixture) { f.file("tokens", "something else\n") }, "not a file of refresh tokens"},
		"the key is gone": {func(f *fixture) {
			if err := os.Remove(filepath.Join(f.folder, "tokens.key")); err != nil {
				f.t.Fatal(err)
			}
		}, "tokens.key is missing, and the tokens in "},
		"another key":     {func(f *fixture) { f.file("tokens.key", otherKey) }, "tokens were made with another key than that in "},
		"half of the key": {func(f *fixture) { f.file("tokens.key", otherKey[:32]) }, "tokens.key has no key"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, kept)
			f.login()
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			test.spoil(f)
			err := f.start()
			var problem *config.PositionError
			if !errors.As(err, &problem) || !strings.HasPrefix(err.Error(), f.path()+":16: refresh_tokens: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// TestFailedStartReleasesRefreshFile, for the one who mends the configuration and tries again.
func TestFailedStartReleasesRefreshFile(t *testing.T) {
	f := prepare(t, kept+"tests: [{scope: \"repository:public/app:pull\", granted: \"\"}]\n")
	if err := f.start(); err == nil {
		t.Fatal("it starts")
	}
	f.write(kept)
	if err := f.start(); err != nil {
		t.Fatal(err)
	}
	closing(f)
}

// TestRotation: with it, a use replaces the token.
func TestRotation(t *testing.T) {
	f := newFixture(t, base+"refresh_tokens: {rotate: true, grace: 10s}\n")
	refresh := f.login()
	refresh.Set("access_type", "offline")
	w := f.ask(refresh)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"refresh_token"`) || strings.Contains(w.Body.String(), refresh.Get("refresh_token")) {
		t.Errorf("status %d, or the same refresh token", w.Code)
	}
}
