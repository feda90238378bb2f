package refreshfile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/berthpass/registry-auth/token"
)

var (
	// ErrInUse means that another process, or another Store of this one, has the file open.
	ErrInUse = errors.New("in use by another process")
	// ErrDamaged means that the file has been changed by something else than a Store, or is none of its files. Restore it from
	// a backup, or move it away: everybody then has to log in again.
	ErrDamaged = errors.New("damaged, or not a file of refresh tokens")
	// ErrClosed means that the Store is closed.
	ErrClosed = errors.New("refreshfile: closed")
)

// A Config configures a [Store].
type Config struct {
	// Path is where the file is. It is created, readable by its owner only, when it does not exist. Required.
	Path string
	// Logger is told when the end of the file was cut off, and when the disk fails and works again. Nil is slog.Default().
	Logger *slog.Logger
}

// A Store is a [token.RefreshStore] in a file. It is safe for concurrent use. Close it.
type Store struct {
	logger  *slog.Logger
	cut     int64
	journal *journal      // the writer's
	wake    chan struct{} // tells the writer that there is something to do; holds one
	quit    chan struct{}
	ended   chan error // what the last write had to say

	mu      sync.Mutex
	records *records
	touched map[token.RefreshHash]struct{} // used since that was last written
	waiting *commit                        // what the writer takes next
	writing *commit                        // what it is at, or nil
	failed  error                          // why nothing can be changed, or nil
	retryAt time.Time                      // when it is tried again
	closed  bool
}

var _ token.RefreshStore = (*Store)(nil)

const (
	flushInterval = 20 * time.Second // how long a use may wait for the disk; the interface allows a minute
	retryInterval = time.Second
)

// Open opens the file, or creates it, and starts to write to it in the background. The error is [ErrInUse], [ErrDamaged], or
// the operating system's; on a system without flock(2) it is [errors.ErrUnsupported].
func Open(config Config) (*Store, error) { return open(config, osDisk{}) }

func open(config Config, disk disk) (*Store, error) {
	path := config.Path
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // or else a new file would take the place of the link
	}
	journal, list, cut, err := openJournal(disk, path)
	if err != nil {
		return nil, fmt.Errorf("open refresh tokens %q: %w", config.Path, err)
	}
	s := &Store{
		logger:  config.Logger,
		cut:     cut,
		wake:    make(chan struct{}, 1),
		quit:    make(chan struct{}),
		ended:   make(chan error, 1),
		journal: journal,
		records: newRecords(list),
		touched: make(map[token.RefreshHash]struct{}),
		waiting: newCommit(),
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if cut > 0 {
		s.logger.Warn("the end of the refresh token file was torn and is cut off", slog.String("path", config.Path), slog.Int64("bytes", cut))
	}
	go s.write()
	return s, nil
}

// Cut returns the number of bytes that were cut off the end of the file when it was opened, because a crash had torn it. They
// held nothing that had been answered.
func (s *Store) Cut() int64 { return s.cut }

// Close writes what is left to write and releases the file. An error means that late uses are not on the disk, or deletions
// that had failed before.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.closed = true
	s.mu.Unlock()
	close(s.quit)
	return <-s.ended
}

// Insert implements [token.RefreshStore].
func (s *Store) Insert(ctx context.Context, record token.RefreshRecord, limit int) error {
	s.mu.Lock()
	c, err := s.begin()
	if err == nil {
		for _, old := range s.records.swept(record.IssuedAt) {
			c.erase(s.records, old.Family)
		}
		for _, old := range s.records.surplus(record, limit) {
			c.change(s.records, old.Family, nil)
		}
		c.change(s.records, record.Family, &record)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.wait(ctx, c)
}

// Use implements [token.RefreshStore].
func (s *Store) Use(ctx context.Context, use token.RefreshUse) (token.RefreshRecord, error) {
	s.mu.Lock()
	record, c, err := s.use(use)
	s.mu.Unlock()
	if c != nil {
		if failed := s.wait(ctx, c); failed != nil {
			return token.RefreshRecord{}, failed
		}
	}
	return record, err
}

// use returns the commit to wait for as well, if any.
func (s *Store) use(use token.RefreshUse) (token.RefreshRecord, *commit, error) {
	if s.closed {
		return token.RefreshRecord{}, nil, ErrClosed
	}
	record, known := s.records.byFamily[use.Family]
	if !known {
		return token.RefreshRecord{}, nil, token.ErrRefreshInvalid
	}
	used, err := use.Apply(record)
	switch {
	case errors.Is(err, token.ErrRefreshReused):
		s.erase(func(r token.RefreshRecord) bool { return r.Family == use.Family })
		return record, s.waiting, err
	case err != nil:
		return token.RefreshRecord{}, nil, err
	case used.Hash == record.Hash:
		s.records.set(use.Family, &used)
		s.touched[use.Family] = struct{}{}
		return used, s.dependsOn(use), nil
	}
	c, err := s.begin()
	if err != nil {
		return token.RefreshRecord{}, nil, err
	}
	c.change(s.records, use.Family, &used)
	return used, c, nil
}

// dependsOn returns the commit that a use has to wait for although it changes nothing but times: a client must not be given the
// successor of a token before the disk has it, and another may have rotated the token this very moment.
func (s *Store) dependsOn(use token.RefreshUse) *commit {
	rotates := use.Next != token.RefreshHash{}
	if rotates && (s.writing != nil || len(s.waiting.changes) > 0) {
		return s.waiting
	}
	return nil
}

// Delete implements [token.RefreshStore].
func (s *Store) Delete(ctx context.Context, filter token.RefreshFilter) (int, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return 0, ErrClosed
	}
	n := s.erase(filter.Match)
	c := s.waiting // even for nothing: an earlier deletion of the same may have failed
	s.mu.Unlock()
	if err := s.wait(ctx, c); err != nil {
		return 0, err
	}
	return n, nil
}

// List implements [token.RefreshStore].
func (s *Store) List(_ context.Context, filter token.RefreshFilter, now time.Time) ([]token.RefreshRecord, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	return s.records.list(func(r token.RefreshRecord) bool { return filter.Match(r) && !r.Expired(now) }), nil
}

// begin returns the commit that a change belongs to, or why there can be none now.
func (s *Store) begin() (*commit, error) {
	switch {
	case s.closed:
		return nil, ErrClosed
	case s.failed != nil && time.Now().Before(s.retryAt):
		return nil, s.failed
	}
	return s.waiting, nil
}

// erase removes records for good: what is not on the disk yet does not come back when the disk fails.
func (s *Store) erase(match func(token.RefreshRecord) bool) int {
	for _, c := range []*commit{s.writing, s.waiting} {
		c.forget(match)
	}
	erased := s.records.list(match)
	for _, r := range erased {
		s.waiting.erase(s.records, r.Family)
	}
	return len(erased)
}

// wait returns when the commit is on the disk, or why it is not.
func (s *Store) wait(ctx context.Context, c *commit) error {
	select {
	case s.wake <- struct{}{}:
	default: // it was told already
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return fmt.Errorf("write refresh token: %w", ctx.Err())
	}
}
