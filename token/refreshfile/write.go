package refreshfile

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/berthpass/registry-auth/token"
)

// write is the goroutine that alone uses the journal.
func (s *Store) write() {
	ticker := time.NewTicker(flushInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.wake:
			_ = s.commit(false) // those who wait are told
		case <-ticker.C:
			_ = s.commit(true)
		case <-s.quit:
			s.ended <- s.shutDown()
			return
		}
	}
}

func (s *Store) shutDown() error {
	s.mu.Lock()
	s.retryAt = time.Time{} // the last chance
	s.mu.Unlock()
	err := s.commit(true)
	if closing := s.journal.close(); err == nil && closing != nil {
		err = fmt.Errorf("close refresh tokens: %w", closing)
	}
	return err
}

// commit writes what is waiting, and with flush the times of the last uses. It returns what those who wait are told.
func (s *Store) commit(flush bool) error {
	c, snapshot, err := s.take(flush)
	if err != nil {
		return err
	}
	if snapshot != nil {
		err = s.journal.rewrite(snapshot)
	}
	if snapshot == nil || err != nil {
		if err != nil {
			s.logger.Warn("the refresh token file cannot be written anew", slog.Any("error", err))
		}
		err = s.journal.append(c.changes)
	}
	if err != nil {
		err = fmt.Errorf("write refresh tokens: %w", err)
	}
	s.finish(c, err)
	return err
}

// take returns the next commit, and all records when the file is to be written anew. When it is too soon for another attempt,
// the commit has failed already.
func (s *Store) take(flush bool) (c *commit, snapshot []token.RefreshRecord, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil && time.Now().Before(s.retryAt) {
		s.giveUp(s.failed)
		return nil, nil, s.failed
	}
	c = s.waiting
	if flush {
		s.flush(c)
	}
	s.writing, s.waiting = c, newCommit()
	if s.failed != nil || s.journal.outdated(len(s.records.byFamily)) {
		snapshot = s.records.list(func(token.RefreshRecord) bool { return true })
	}
	return c, snapshot, nil
}

// flush adds the records that were used since the last time. They need no second attempt, since after a failure all records are
// written.
func (s *Store) flush(c *commit) {
	for family := range s.touched {
		if record, known := s.records.byFamily[family]; known {
			c.changes = append(c.changes, change{family: family, after: &record, final: true})
		}
	}
	clear(s.touched)
}

func (s *Store) finish(c *commit, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if s.failed == nil {
			s.logger.Error("refresh tokens cannot be stored: issuing and revoking fail until the disk works again", slog.Any("error", err))
		}
		s.failed, s.retryAt = err, time.Now().Add(retryInterval)
		s.giveUp(err)
		return
	}
	if s.failed != nil {
		s.logger.Info("refresh tokens can be stored again")
	}
	s.failed, s.writing = nil, nil
	c.end(nil)
}

// giveUp takes back what is being written, and what was built on it.
func (s *Store) giveUp(err error) {
	waiting, writing := s.waiting, s.writing
	s.waiting, s.writing = newCommit(), nil
	waiting.takeBack(s.records)
	waiting.end(err)
	if writing != nil {
		writing.takeBack(s.records)
		writing.end(err)
	}
}
