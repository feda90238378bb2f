package token

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"
)

const (
	// lookInterval is how often the files of a key are looked at.
	lookInterval = time.Second
	// settleTime is how long the files must not have changed. It is longer than the granularity of any file system's time
	// stamps, so that a later change shows.
	settleTime = 2 * time.Second
	// maxKeyFileBytes is room for an RSA key and many certificates.
	maxKeyFileBytes = 1 << 20
)

// keyFileState is what the file system says about the files of a key.
type keyFileState struct {
	key, cert fs.FileInfo // cert is nil when there is no such file in the configuration
	err       error       // why there is nothing to be read
}

// look asks the file system.
func (f *KeyFile) look() keyFileState {
	var state keyFileState
	if state.key, state.err = statFile(f.keyFile); state.err != nil || f.config.CertFile == "" {
		return state
	}
	state.cert, state.err = statFile(f.config.CertFile)
	return state
}

func statFile(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular(): // opening a pipe would wait for a writer
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > maxKeyFileBytes:
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxKeyFileBytes)
	}
	return info, nil
}

// same compares what changes when a file is written, replaced, or given to others.
func (s keyFileState) same(other keyFileState) bool {
	if s.err != nil || other.err != nil {
		return s.err != nil && other.err != nil && s.err.Error() == other.err.Error()
	}
	return sameFile(s.key, other.key) && sameFile(s.cert, other.cert)
}

func sameFile(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == b
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.Mode() == b.Mode() && a.ModTime().Equal(b.ModTime())
}

// exposed reports whether everybody may read the private key.
func (s keyFileState) exposed() bool { return s.key != nil && readableByOthers(s.key) }

func isReadError(err error) bool {
	ok := errors.As(err, new(*fs.PathError))
	return ok
}

// load reads the key, unless it was seen already that there is none.
func (f *KeyFile) load() (*Key, error) {
	if f.seen.err != nil {
		return nil, fmt.Errorf("load key: %w", f.seen.err)
	}
	return LoadKey(f.keyFile, f.config.CertFile)
}

func (f *KeyFile) keep() {
	now := f.config.Now()
	if f.quiet.Load().has(now) || !f.mu.TryLock() { // whoever has the lock is looking
		return
	}
	defer f.mu.Unlock()
	if f.quiet.Load().has(now) {
		return
	}
	defer f.schedule(now)
	f.follow(now)
	f.step(f.config.Now())
}

// signUntil has nothing to wait for: what does not change the file does not make a new key.
func (f *KeyFile) signUntil(time.Time) error { return nil }

// follow looks at the files, and at what is in them when they have settled.
func (f *KeyFile) follow(now time.Time) {
	latest := f.look()
	if !latest.same(f.seen) || now.Before(f.seenAt) { // or the clock was set back
		f.judged = f.judged && latest.same(f.seen)
		f.seen, f.seenAt = latest, now
		return
	}
	if !f.judged && now.Sub(f.seenAt) >= settleTime {
		f.judge(now)
	}
}

// schedule says when to look again. A key that is due may wait for that long.
func (f *KeyFile) schedule(now time.Time) { f.quiet.Store(&interval{now, now.Add(lookInterval)}) }

// sameKeyAndChain reports whether tokens of both look the same to a registry.
func sameKeyAndChain(a, b *Key) bool {
	return a.id == b.id && slices.EqualFunc(a.chain, b.chain, (*x509.Certificate).Equal)
}
