package faults

import (
	"bytes"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/refreshfile"
)

// missing skips the test, or fails it in CI.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// run runs a program that has to be there and to succeed.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		missing(t, program+" is not installed")
	}
	output, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		missing(t, strings.Join(append([]string{program}, args...), " ")+": "+err.Error()+": "+string(output))
	}
	return strings.TrimSpace(string(output))
}

// mount mounts a file system, which needs root.
func mount(t *testing.T, args ...string) (folder string) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "only root may mount a file system")
	}
	folder = t.TempDir()
	run(t, "mount", append(args, folder)...)
	t.Cleanup(func() { _ = exec.Command("umount", folder).Run() })
	return folder
}

// A storedFixture keeps refresh tokens on a disk.
type storedFixture struct {
	*fixture

	users *static.Users
	store *refreshfile.Store
}

func newStoredFixture(t *testing.T, folder string, users *static.Users) *storedFixture {
	t.Helper()
	f := &storedFixture{users: users}
	log := new(lockedBuffer)
	f.store = must(refreshfile.Open(refreshfile.Config{
		Path: filepath.Join(folder, "refresh-tokens"), Logger: slog.New(slog.NewTextHandler(log, nil)),
	}))(t)
	t.Cleanup(func() { _ = f.store.Close() })
	f.fixture = newFixture(t, users, policy(), func(cfg *auth.Config) {
		cfg.RefreshTokens = must(token.NewRefreshTokens(token.RefreshConfig{Store: f.store, Key: bytes.Repeat([]byte("k"), 32)}))(t)
	})
	f.log = log
	return f
}

// loginUntilRefused logs in until there is no room for another token, and returns those that were given out.
func (f *storedFixture) loginUntilRefused() (given []string) {
	f.t.Helper()
	const most = 90 // of the hundred that alice may have
	for range most {
		a := f.login(alice)
		if a.status == http.StatusServiceUnavailable {
			a.want(http.StatusServiceUnavailable, "UNAVAILABLE")
			if a.retryAfter != "5" {
				f.t.Errorf("Retry-After is %q", a.retryAfter)
			}
			return given
		}
		given = append(given, a.want(http.StatusOK, "").body.RefreshToken)
	}
	f.t.Fatalf("%d refresh tokens were stored", most)
	return nil
}

// wantOthersUnaffected checks everything that has nothing to write.
func (f *storedFixture) wantOthersUnaffected(given []string) {
	f.t.Helper()
	f.get(alice, "repository:alice/app:pull").want(http.StatusOK, "")
	f.get("", "repository:public/app:pull").want(http.StatusOK, "")
	for _, refreshToken := range given {
		f.refresh(refreshToken, "repository:alice/app:pull").want(http.StatusOK, "")
	}
}

// reopened starts another server over the same file and checks that it knows what was given out.
func (f *storedFixture) reopened(folder string, given []string) {
	f.t.Helper()
	again := newStoredFixture(f.t, folder, f.users)
	for i, refreshToken := range given {
		if a := again.refresh(refreshToken, ""); a.status != http.StatusOK {
			f.t.Errorf("token %d of %d is lost", i, len(given))
		}
	}
}

// TestDiskFull: no refresh token is given out that is not on the disk, none that was is lost, and all else goes on.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	folder := mount(t, "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs")
	f := newStoredFixture(t, folder, newUsers(t))
	given := []string{f.login(alice).want(http.StatusOK, "").body.RefreshToken}

	filler := must(os.Create(filepath.Join(folder, "filler")))(t)
	for _, size := range []int{64 << 10, 4 << 10, 1} {
		for block := make([]byte, size); ; {
			if _, err := filler.Write(block); err != nil {
				break
			}
		}
	}
	given = append(given, f.loginUntilRefused()...)
	f.wantAudit(http.StatusServiceUnavailable, "no space left on device")
	f.wantLog("refresh tokens cannot be stored")
	f.wantOthersUnaffected(given)

	check(t, filler.Close())
	check(t, os.Remove(filler.Name()))
	eventually(t, "a login is stored again", func() bool {
		a := f.login(alice)
		if a.status == http.StatusOK {
			given = append(given, a.body.RefreshToken)
		}
		return a.status == http.StatusOK
	})
	f.wantLog("refresh tokens can be stored again")
	f.wantOthersUnaffected(given)
	check(t, f.store.Close())
	f.reopened(folder, given)
}

// TestDiskReadOnly: the kernel finds an error in the file system and makes it read-only, as it does by default. What was given
// out goes on for as long as the process does, and is there when the file system is repaired.
func TestDiskReadOnly(t *testing.T) {
	t.Parallel()
	image := filepath.Join(t.TempDir(), "image")
	check(t, os.WriteFile(image, nil, 0o600))
	check(t, os.Truncate(image, 8<<20))
	run(t, "mkfs.ext4", "-q", image)
	folder := mount(t, "-o", "loop,errors=remount-ro", image)
	f := newStoredFixture(t, folder, newUsers(t))
	given := []string{f.login(alice).body.RefreshToken, f.login(bob).body.RefreshToken}

	device := run(t, "findmnt", "-no", "SOURCE", folder)
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(device), "trigger_fs_error")
	if err := os.WriteFile(trigger, []byte("a test"), 0o200); err != nil {
		missing(t, err.Error())
	}
	given = append(given, f.loginUntilRefused()...)
	f.wantAudit(http.StatusServiceUnavailable, "read-only file system")
	f.wantLog("refresh tokens cannot be stored")
	f.wantOthersUnaffected(given)
	if err := f.store.Close(); err == nil {
		t.Error("closing does not tell that something could not be written")
	}
	if again, err := refreshfile.Open(refreshfile.Config{Path: filepath.Join(folder, "refresh-tokens")}); err == nil {
		_ = again.Close()
		t.Error("a server starts over a file that it cannot write to")
	}

	run(t, "umount", folder)
	run(t, "mount", "-o", "loop", image, folder)
	f.reopened(folder, given)
}
