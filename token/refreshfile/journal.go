package refreshfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/berthpass/registry-auth/token"
)

// A journal is the file: a header and groups of changes, each on the disk before the next one is written. One goroutine uses it.
type journal struct {
	disk      disk
	path      string
	file      file
	format    format
	size      int64 // of what is on the disk for certain
	changes   int   // in the file
	minimum   int   // of changes for which the file is written anew
	rewriteAt int   // the same for now: more after an attempt that failed
	broken    error // why nothing can be appended, until the file is written anew
}

// minRewrite is the number of changes for which a file is not written anew, however outdated.
const minRewrite = 4096

// openJournal opens or creates the file and returns its records, and how many bytes of its end were cut off.
func openJournal(disk disk, path string) (j *journal, list map[token.RefreshHash]token.RefreshRecord, cut int64, err error) {
	f, err := disk.open(path, os.O_CREATE)
	if err != nil {
		return nil, nil, 0, err
	}
	j = &journal{disk: disk, path: path, file: f, minimum: minRewrite, rewriteAt: minRewrite}
	if list, cut, err = j.read(); err != nil {
		_ = f.Close()
		return nil, nil, 0, err
	}
	return j, list, cut, nil
}

func (j *journal) read() (list map[token.RefreshHash]token.RefreshRecord, cut int64, err error) {
	content, err := j.file.readAll()
	if err != nil {
		return nil, 0, err
	}
	if len(content) == 0 { // new, or the machine stopped just when it was made
		j.format = newFormat()
		return nil, 0, j.extend(j.format.header(), j.syncFolder)
	}
	list = make(map[token.RefreshHash]token.RefreshRecord)
	j.format, j.size, err = parse(content, func(c change) {
		j.changes++
		if c.after == nil {
			delete(list, c.family)
			return
		}
		list[c.family] = *c.after
	})
	if err != nil {
		return nil, 0, err
	}
	if cut = int64(len(content)) - j.size; cut > 0 {
		err = errors.Join(j.file.Truncate(j.size), j.file.Sync())
	}
	return list, cut, err
}

// append adds a group of changes. When it returns nil they are on the disk.
func (j *journal) append(changes []change) error {
	if j.broken != nil || len(changes) == 0 {
		return j.broken
	}
	j.broken = j.extend(j.format.group(changes), func() error { return nil })
	if j.broken == nil {
		j.changes += len(changes)
	}
	return j.broken
}

// extend writes to the end of the file, and what follows. After an error, what it wrote is cut off again if possible. That does
// not make the file good: after a sync that failed, the next one may succeed without having written anything.
func (j *journal) extend(b []byte, then func() error) error {
	_, err := j.file.Write(b)
	if err == nil {
		err = j.file.Sync()
	}
	if err == nil {
		err = then()
	}
	if err != nil {
		_ = j.file.Truncate(j.size)
		return err
	}
	j.size += int64(len(b))
	return nil
}

// outdated reports whether most of the file is.
func (j *journal) outdated(live int) bool { return j.changes > max(j.rewriteAt, 2*live) }

// rewrite puts another file in the place of the file, with nothing but the records. When it returns nil that is on the disk, and
// the journal is not broken any more; after an error the file is as good as it was before.
func (j *journal) rewrite(records []token.RefreshRecord) error {
	j.rewriteAt = 2 * max(j.changes, j.minimum) // not again soon when it fails
	next := &journal{disk: j.disk, path: j.path + ".new", format: newFormat()}
	if err := j.disk.remove(next.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var err error
	if next.file, err = j.disk.open(next.path, os.O_CREATE|os.O_EXCL); err != nil {
		return err
	}
	if err = next.extend(next.format.snapshot(records), func() error { return j.disk.rename(next.path, j.path) }); err != nil {
		return errors.Join(err, next.file.Close(), j.disk.remove(next.path))
	}
	_ = j.file.Close()
	j.file, j.format, j.size, j.changes, j.rewriteAt = next.file, next.format, next.size, len(records), j.minimum
	// Without this a crash may bring the old file back, to which nothing is added any more.
	j.broken = j.syncFolder()
	return j.broken
}

func (j *journal) syncFolder() error { return j.disk.syncFolder(filepath.Dir(j.path)) }

func (j *journal) close() error { return j.file.Close() }
