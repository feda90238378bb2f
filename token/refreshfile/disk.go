package refreshfile

import (
	"errors"
	"io"
	"os"
)

// A disk is what a journal needs of the operating system. Tests put one in its place that fails.
type disk interface {
	// open opens a file for reading and appending, by nobody else at the same time. The flag is os.O_CREATE, or with
	// os.O_EXCL.
	open(path string, flag int) (file, error)
	rename(from, to string) error
	remove(path string) error
	// syncFolder makes the names in a folder durable.
	syncFolder(path string) error
}

type file interface {
	io.WriteCloser
	readAll() ([]byte, error)
	Truncate(size int64) error
	Sync() error
}

type osDisk struct{}

type osFile struct{ *os.File }

func (f osFile) readAll() ([]byte, error) { return io.ReadAll(f.File) }

func (osDisk) open(path string, flag int) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|flag, 0o600) //nolint:gosec // the path is the operator's
	if err != nil {
		return nil, err
	}
	if err := claim(f, path); err != nil {
		_ = f.Close()
		return nil, err
	}
	return osFile{f}, nil
}

// claim makes sure that the file is ours alone. The lock ends with the process, however that ends.
func claim(f *os.File, path string) error {
	if err := lock(f); err != nil {
		return err
	}
	ours, err := f.Stat()
	if err != nil {
		return err
	}
	if !ours.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	if named, err := os.Stat(path); err != nil || !os.SameFile(ours, named) {
		return ErrInUse // another process has written it anew just now
	}
	if ours.Mode().Perm()&0o077 != 0 {
		return f.Chmod(0o600)
	}
	return nil
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }

func (osDisk) remove(path string) error { return os.Remove(path) }

func (osDisk) syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the operator's choice
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
