package htpasswd

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/berthpass/registry-auth/authn/static"
)

const (
	// maxFileBytes is room for some 200 000 users.
	maxFileBytes = 16 << 20
	// settleTime is longer than the granularity of any file system's time stamps. A file that was changed less than this
	// before it was read may be changed again without a difference in size and time.
	settleTime = 2 * time.Second
)

// errBeingWritten means that somebody seems to be writing the file, so that it has to be read again later.
var errBeingWritten = errors.New("the file is being written")

// A version is what is known about the file since it was last looked into. It never changes.
type version struct {
	// users are those of the last good version: this one, if err is nil.
	users *static.Users
	err   error

	info     fs.FileInfo // nil when the file could not be read
	checksum [sha256.Size]byte
	// settled means that any later change shows in info.
	settled bool
}

// current returns the latest version, having looked into the file if it may have changed.
func (f *File) current() *version {
	if latest := f.latest.Load(); f.unchanged(latest) {
		return latest
	}
	f.reload.Lock()
	defer f.reload.Unlock()
	latest := f.latest.Load()
	if f.unchanged(latest) { // since another request has just read it
		return latest
	}
	next := f.next(latest)
	f.latest.Store(next)
	return next
}

func (f *File) unchanged(v *version) bool {
	if !v.settled {
		return false
	}
	info, err := os.Stat(f.path)
	return err == nil && same(info, v.info)
}

// same compares what changes when a file is written or another takes its place.
func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// open reads the first version. There is nothing to fall back on yet, so an error is the caller's.
func (f *File) open() (*version, error) {
	v, content, err := f.read()
	if err == nil {
		v.users, err = f.parse(content)
	}
	return v, err
}

// next looks into the file and returns what is to be known from now on.
func (f *File) next(latest *version) *version {
	next, content, err := f.read()
	switch {
	case errors.Is(err, errBeingWritten):
		return latest
	case err == nil && len(content) == 0 && !next.settled && latest.users.Len() > 0:
		return latest // emptied to be filled again; if not, it counts as soon as it is settled
	case err == nil && latest.info != nil && next.checksum == latest.checksum:
		next.users, next.err = latest.users, latest.err
		return next
	case err == nil:
		next.users, err = f.parse(content)
	}
	if err == nil {
		f.log(slog.LevelInfo, "htpasswd file reloaded", slog.Int("users", next.users.Len()))
		return next
	}
	next.users, next.err = latest.users, err
	if !sameReadError(latest, next) {
		f.log(slog.LevelError, "htpasswd file not reloaded, the earlier users remain", slog.Any("error", err))
	}
	return next
}

// sameReadError reports whether the log has been told already: a file that cannot be read is tried again at each request.
func sameReadError(a, b *version) bool {
	return a.info == nil && b.info == nil && a.err != nil && a.err.Error() == b.err.Error()
}

// read reads the file. The version has no users yet, and is never nil.
func (f *File) read() (*version, []byte, error) {
	begun := time.Now()
	content, info, err := readFile(f.path)
	if err != nil {
		return &version{}, nil, err
	}
	return &version{
		info:     info,
		checksum: sha256.Sum256(content),
		// A time stamp of the future is one of another clock, or was set by hand; waiting for it would mean to read the file
		// at each request until then.
		settled: begun.Sub(info.ModTime()).Abs() > settleTime,
	}, content, nil
}

// readFile returns the content and what the file system said about the file before and after it was read.
func readFile(path string) ([]byte, fs.FileInfo, error) {
	// Opening a pipe would wait for a writer.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is not a regular file", path)
	}
	file, err := os.Open(path) //nolint:gosec // the path is the operator's
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	before, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	if before.Size() > maxFileBytes {
		return nil, nil, fmt.Errorf("%s is larger than %d bytes", path, maxFileBytes)
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFileBytes)) // one that grows is read again
	if err != nil {
		return nil, nil, err
	}
	after, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !same(before, after) {
		return nil, nil, fmt.Errorf("%s: %w", path, errBeingWritten)
	}
	return content, after, nil
}
