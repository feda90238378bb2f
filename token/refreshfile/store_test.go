package refreshfile_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/refreshfile"
	"github.com/berthpass/registry-auth/token/refreshtest"
)

func newPath(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "refresh-tokens")
}

func openStore(tb testing.TB, path string) *refreshfile.Store {
	tb.Helper()
	store, err := refreshfile.Open(refreshfile.Config{Path: path})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil && !errors.Is(err, refreshfile.ErrClosed) {
			tb.Error(err)
		}
	})
	return store
}

func reopen(tb testing.TB, store *refreshfile.Store, path string) *refreshfile.Store {
	tb.Helper()
	if err := store.Close(); err != nil {
		tb.Fatal(err)
	}
	return openStore(tb, path)
}

var key = bytes.Repeat([]byte{7}, 32)

const service = "registry.example.com"

func newTokens(tb testing.TB, store token.RefreshStore, rotate bool) *token.RefreshTokens {
	tb.Helper()
	tokens, err := token.NewRefreshTokens(token.RefreshConfig{Store: store, Key: key, Rotate: rotate})
	if err != nil {
		tb.Fatal(err)
	}
	return tokens
}

func issue(tb testing.TB, tokens *token.RefreshTokens, subject string) (token.Secret, token.RefreshRecord) {
	tb.Helper()
	text, record, err := tokens.Issue(tb.Context(), token.RefreshGrant{Subject: subject, SubjectStamp: "s", Service: service, ClientID: "docker"})
	if err != nil {
		tb.Fatal(err)
	}
	return text, record
}

func redeem(tb testing.TB, tokens *token.RefreshTokens, text token.Secret) error {
	tb.Helper()
	_, err := tokens.Redeem(tb.Context(), text, service)
	return err
}

func TestStoreKeepsTheContract(t *testing.T) {
	refreshtest.Run(t, func(t *testing.T) token.RefreshStore { return openStore(t, newPath(t)) })
}

func TestEverythingSurvivesARestart(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	tokens := newTokens(t, store, true)
	kept, _ := issue(t, tokens, "alice")
	revoked, _ := issue(t, tokens, "bob")
	replaced, _ := issue(t, tokens, "carol \x00\xff")
	if _, err := tokens.Revoke(t.Context(), token.RefreshFilter{Subject: "bob"}); err != nil {
		t.Fatal(err)
	}
	successor, err := tokens.Renew(t.Context(), replaced, service)
	if err != nil {
		t.Fatal(err)
	}
	if err := redeem(t, tokens, kept); err != nil { // its time is written with Close
		t.Fatal(err)
	}
	before, err := tokens.List(t.Context(), token.RefreshFilter{All: true})
	if err != nil {
		t.Fatal(err)
	}

	tokens = newTokens(t, reopen(t, store, path), true)
	after, err := tokens.List(t.Context(), token.RefreshFilter{All: true})
	if err != nil || len(after) != 2 || len(before) != 2 {
		t.Fatalf("%d tokens before and %d after: %v", len(before), len(after), err)
	}
	for i := range after {
		b, a := before[i], after[i]
		if !a.LastUsed.Equal(b.LastUsed) || !a.IdleAt.Equal(b.IdleAt) || !a.ExpiresAt.Equal(b.ExpiresAt) ||
			!a.RotatedAt.Equal(b.RotatedAt) || a.Subject != b.Subject || a.ID != b.ID || a.Previous != b.Previous {
			t.Errorf("before %+v\nafter %+v", b, a)
		}
	}
	for _, text := range []token.Secret{kept, successor, replaced} {
		if err := redeem(t, tokens, text); err != nil {
			t.Error(err)
		}
	}
	if err := redeem(t, tokens, revoked); !errors.Is(err, token.ErrRefreshInvalid) {
		t.Errorf("a revoked token: %v", err)
	}
}

// Who steals the file has nothing to log in with: no token, and nothing that becomes one without the key.
func TestTheFileHoldsNothingThatVerifies(t *testing.T) {
	path := newPath(t)
	tokens := newTokens(t, openStore(t, path), true)
	text, record := issue(t, tokens, "alice")
	successor, err := tokens.Renew(t.Context(), text, service)
	if err != nil {
		t.Fatal(err)
	}
	dump, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(dump, []byte(record.ID)) {
		t.Fatal("the dump has not even the id")
	}
	for _, secret := range []token.Secret{text, successor} {
		// Any eight characters in a row are 48 bits of the token.
		for i := range len(secret) - 8 {
			if bytes.Contains(dump, []byte(secret[i:i+8])) {
				t.Fatalf("the file holds a part of the token, from character %d", i)
			}
		}
	}
	if bytes.Contains(dump, key[:8]) {
		t.Error("the file holds the key")
	}
	for i := range len(dump) - 32 { // neither do its bytes, in whatever form
		for _, guess := range []string{string(dump[i : i+32]), hex.EncodeToString(dump[i : i+32])} {
			if err := redeem(t, tokens, token.Secret(guess)); !errors.Is(err, token.ErrRefreshInvalid) {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
	}
}

func TestTheFileIsOneProcesss(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	if _, err := refreshfile.Open(refreshfile.Config{Path: path}); !errors.Is(err, refreshfile.ErrInUse) {
		t.Errorf("a second time: %v", err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := refreshfile.Open(refreshfile.Config{Path: link}); !errors.Is(err, refreshfile.ErrInUse) {
		t.Errorf("by another name: %v", err)
	}
	reopen(t, store, path)
}

func TestTheFileIsTheOwnersOnly(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	reopen(t, store, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestNothingWorksAfterClose(t *testing.T) {
	store := openStore(t, newPath(t))
	tokens := newTokens(t, store, false)
	text, _ := issue(t, tokens, "alice")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	_, _, issuing := tokens.Issue(t.Context(), token.RefreshGrant{Subject: "alice", Service: service})
	_, revoking := tokens.Revoke(t.Context(), token.RefreshFilter{All: true})
	_, listing := tokens.List(t.Context(), token.RefreshFilter{All: true})
	for doing, err := range map[string]error{
		"issue": issuing, "redeem": redeem(t, tokens, text), "revoke": revoking, "list": listing, "close": store.Close(),
	} {
		if !errors.Is(err, refreshfile.ErrClosed) {
			t.Errorf("%s: %v", doing, err)
		}
	}
}

// A file that is used for years must not grow for years, and what is in it must survive that it is written anew.
func TestTheFileDoesNotGrow(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	tokens := newTokens(t, store, false)
	kept, _ := issue(t, tokens, "alice")
	largest := int64(0)
	for i := range 5000 {
		_, record := issue(t, tokens, "subject"+strconv.Itoa(i))
		if _, err := tokens.Revoke(t.Context(), token.RefreshFilter{ID: record.ID}); err != nil {
			t.Fatal(err)
		}
		if i%50 == 0 {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			largest = max(largest, info.Size())
		}
	}
	if largest > 2<<20 {
		t.Errorf("the file had %d KiB", largest>>10)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("more than the file is left: %v, %v", left, err)
	}
	if err := redeem(t, newTokens(t, reopen(t, store, path), false), kept); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNoFileOfTokensIsNotTouched(t *testing.T) {
	for name, content := range map[string]string{
		"another file":             "alice:$2y$05$abcdefghijklmnopqrstuv\n",
		"half a header":            "registry-auth refr",
		"a header of zeros":        strings.Repeat("\x00", 4096),
		"a file of a later format": "registry-auth refresh 2\n" + strings.Repeat("x", 100),
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := refreshfile.Open(refreshfile.Config{Path: path}); !errors.Is(err, refreshfile.ErrDamaged) {
				t.Errorf("error %v", err)
			}
			if now, err := os.ReadFile(path); err != nil || string(now) != content {
				t.Errorf("the file has been changed: %v", err)
			}
		})
	}
}
