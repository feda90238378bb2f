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
)

const maxFileBytes = 16 << 20 // enough for some 200 000 users

// settleTime is longer than the resolution of time stamps in any file system. It is measured with
// our own clock, since that of a file server may differ.
const settleTime = 2 * time.Second

var errBeingWritten = errors.New("the file is being written")

// A version is the state of the file when it was last read. It is immutable.
type version struct {
	users userList // of this version, or of the last good one if err is not nil
	err   error

	info     fs.FileInfo // nil if the file could not be read
	checksum [sha256.Size]byte
	seen     time.Time // when a read first returned this info and checksum
	recheck  time.Time // when to read the file again, even if its info has not changed
}

// current returns the latest version of the file, which it reads if necessary.
func (f *File) current() *version {
	if latest := f.latest.Load(); f.unchanged(latest) {
		return latest
	}
	f.reload.Lock()
	defer f.reload.Unlock()
	latest := f.latest.Load()
	if !f.unchanged(latest) { // no other request has read it meanwhile
		latest = f.next(latest)
		f.latest.Store(latest)
	}
	return latest
}

func (f *File) unchanged(v *version) bool {
	info, err := os.Stat(f.config.File)
	return err == nil && time.Now().Before(v.recheck) && same(info, v.info)
}

func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// next reads the file and returns the version to use from now on.
func (f *File) next(latest *version) *version {
	next, content, err := read(f.config.File, latest)
	emptied := len(content) == 0 && latest.users.count > 0
	switch {
	case errors.Is(err, errBeingWritten):
		return latest
	case err != nil:
	case !emptied && latest.info != nil && next.checksum == latest.checksum,
		emptied && next.recheck.IsZero(): // most likely, the new content follows
		next.users, next.err = latest.users, latest.err
		return next
	default:
		next.users, err = f.parse(content)
	}
	if err == nil {
		f.logger().Info("htpasswd file reloaded", slog.Int("users", next.users.count))
		return next
	}
	next.users, next.err = latest.users, err
	// A file that cannot be read is tried again at each request. Log only the first error.
	if next.info != nil || latest.info != nil || latest.err.Error() != err.Error() {
		f.logger().Error("htpasswd file not reloaded", slog.Any("error", err))
	}
	return next
}

// read reads the file. The version, which is never nil, has no users yet.
func read(path string, latest *version) (*version, []byte, error) {
	now := time.Now()
	content, info, err := readFile(path)
	if err != nil {
		return &version{}, nil, err
	}
	next := &version{info: info, checksum: sha256.Sum256(content), seen: now}
	if latest.info != nil && same(info, latest.info) && next.checksum == latest.checksum {
		next.seen = latest.seen
	}
	// Another change soon after the first may leave size and time stamp the same.
	if now.Sub(next.seen) >= settleTime {
		next.recheck = now.Add(settleTime)
	}
	return next, content, nil
}

func readFile(path string) ([]byte, fs.FileInfo, error) {
	before, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !before.Mode().IsRegular() { // opening a pipe would block
		return nil, nil, fmt.Errorf("%s is not a regular file", path)
	}
	if before.Size() > maxFileBytes {
		return nil, nil, fmt.Errorf("%s is larger than %d bytes", path, maxFileBytes)
	}
	file, err := os.Open(path) //nolint:gosec // the operator chooses the path
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	content, readErr := io.ReadAll(io.LimitReader(file, maxFileBytes))
	after, statErr := file.Stat()
	if err := errors.Join(readErr, statErr); err != nil {
		return nil, nil, err
	}
	if !same(before, after) {
		return nil, nil, fmt.Errorf("%s: %w", path, errBeingWritten)
	}
	return content, after, nil
}
