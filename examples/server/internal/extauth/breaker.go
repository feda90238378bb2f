package extauth

import (
	"errors"
	"sync"
	"time"
)

// A breaker keeps a program that hangs from being asked again and again: each question would run for all of its time, and take the
// place of one about which the program has an answer. It opens after some questions in a row without an answer in time. While it is
// open there is an error at once, but for one question now and then that finds out whether the program answers again.
//
// A program that fails at once opens nothing, since little is gained by not asking it, and much lost: one that fails for some names
// only could be closed for all others by who sends such names.
type breaker struct {
	mu     sync.Mutex
	missed int       // in a row
	tried  time.Time // when it opened, or the last trial began
}

const (
	breakerOpens = 5
	breakerTries = 2 * time.Second // from the begin of one trial to the next, whether or not it has ended
)

var errOpen = errors.New("it has not answered in time, again and again, and is not asked for a moment")

// allow says whether a question may be asked now. One that may while the breaker is open is a trial.
func (b *breaker) allow(now time.Time) (trial bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.missed < breakerOpens {
		return false, nil
	}
	// A clock that was set back lets one through, and not none for an hour.
	if since := now.Sub(b.tried); since >= 0 && since < breakerTries {
		return false, errOpen
	}
	b.tried = now
	return true, nil
}

func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.missed >= breakerOpens
}

// note notes how a question ended: with anything that the program did, or not in time.
func (b *breaker) note(now time.Time, answered bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if answered {
		b.missed = 0
		return
	}
	if b.missed++; b.missed == breakerOpens {
		b.tried = now
	}
}
