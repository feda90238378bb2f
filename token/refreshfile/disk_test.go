package refreshfile

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
)

var errDisk = errors.New("no space left on device")

// A fakeDisk is a disk in memory that fails when it is told to, and that forgets in a power cut what was not synced.
type fakeDisk struct {
	mu       sync.Mutex
	names    map[string]*fakeFile
	durable  map[string]*fakeFile // the names that survive a power cut
	failing  map[string]bool      // write, sync, truncate, open, rename, syncFolder
	gone     bool                 // the power
	syncs    int
	beforeIO func() // called before each sync
}

type fakeFile struct {
	disk    *fakeDisk
	content []byte
	synced  []byte
	open    bool
}

func newFakeDisk() *fakeDisk {
	return &fakeDisk{names: map[string]*fakeFile{}, durable: map[string]*fakeFile{}, failing: map[string]bool{}}
}

// fail makes operations fail from now on, and no others.
func (d *fakeDisk) fail(operations ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.failing)
	for _, o := range operations {
		d.failing[o] = true
	}
}

// synced returns how often a file was synced.
func (d *fakeDisk) synced() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.syncs
}

func (d *fakeDisk) do(operation string, work func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone || d.failing[operation] {
		return errDisk
	}
	return work()
}

func (d *fakeDisk) open(path string, flag int) (opened file, err error) {
	err = d.do("open", func() error {
		f, known := d.names[path]
		switch {
		case known && flag&os.O_EXCL != 0:
			return fs.ErrExist
		case known && f.open:
			return ErrInUse
		case !known:
			f = &fakeFile{disk: d}
			d.names[path] = f
		}
		f.open = true
		opened = f
		return nil
	})
	return opened, err
}

func (d *fakeDisk) rename(from, to string) error {
	return d.do("rename", func() error {
		d.names[to] = d.names[from]
		delete(d.names, from)
		return nil
	})
}

func (d *fakeDisk) remove(path string) error {
	return d.do("remove", func() error {
		if d.names[path] == nil {
			return fs.ErrNotExist
		}
		delete(d.names, path)
		return nil
	})
}

func (d *fakeDisk) syncFolder(string) error {
	return d.do("syncFolder", func() error {
		d.durable = maps.Clone(d.names)
		return nil
	})
}

func (f *fakeFile) readAll() ([]byte, error) { return slices.Clone(f.content), nil }

// Write writes half of it when it fails, as a full disk does.
func (f *fakeFile) Write(b []byte) (n int, err error) {
	err = f.disk.do("write", func() error {
		n = len(b)
		return nil
	})
	if err != nil {
		n = len(b) / 2
	}
	f.content = append(f.content, b[:n]...)
	return n, err
}

func (f *fakeFile) Truncate(size int64) error {
	return f.disk.do("truncate", func() error {
		f.content = f.content[:size]
		return nil
	})
}

func (f *fakeFile) Sync() error {
	if f.disk.beforeIO != nil {
		f.disk.beforeIO()
	}
	return f.disk.do("sync", func() error {
		f.disk.syncs++
		f.synced = slices.Clone(f.content)
		return nil
	})
}

func (f *fakeFile) Close() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.open = false
	return nil
}

// cutPower makes everything fail from now on.
func (d *fakeDisk) cutPower() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = true
}

// afterPowerCut returns the disk as it is found later: what was written and not synced is there, in part, or not at all.
func (d *fakeDisk) afterPowerCut(random *rand.Rand) *fakeDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := newFakeDisk()
	names := d.durable
	if random.IntN(2) == 0 {
		names = d.names // renamed without a sync of the folder, and there nevertheless
	}
	for path, f := range names {
		left := slices.Clone(f.synced)
		if len(f.content) >= len(f.synced) && slices.Equal(f.content[:len(f.synced)], f.synced) {
			tail := slices.Clone(f.content[len(f.synced):])
			tail = tail[:random.IntN(len(tail)+1)]
			if len(tail) > 0 && random.IntN(2) == 0 { // a sector that was not written
				from := random.IntN(len(tail))
				clear(tail[from:min(len(tail), from+512)])
			}
			left = append(left, tail...)
		}
		next.names[path] = &fakeFile{disk: next, content: left, synced: left}
	}
	next.durable = maps.Clone(next.names)
	return next
}

func openFake(tb testing.TB, d *fakeDisk) *Store {
	tb.Helper()
	store, err := open(Config{Path: "/refresh-tokens"}, d)
	if err != nil {
		tb.Fatal(err)
	}
	return store
}
