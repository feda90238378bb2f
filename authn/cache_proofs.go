package authn

import (
	"crypto/sha256"
	"sync/atomic"
	"time"
)

// A proofKey stands for a user name and a password.
type proofKey [sha256.Size]byte

// A proof is a password check that succeeded.
type proof struct {
	subject Subject
	checked time.Time
}

func (p *proof) valid(now time.Time, ttl time.Duration) bool {
	age := now.Sub(p.checked)
	return 0 <= age && age < ttl
}

// proofs are a bounded number of proofs, each for a limited time. Any number of goroutines may get one, without a lock, while one
// changes them.
type proofs struct {
	ttl    time.Duration
	clock  func() time.Time          // nil for time.Now, which is never set back, whatever becomes of the clock on the wall
	latest atomic.Pointer[time.Time] // that another clock has shown
	recent *recent[proofKey, proof]
}

func newProofs(ttl time.Duration, maxEntries int, clock func() time.Time) *proofs {
	p := &proofs{ttl: ttl, clock: clock, recent: newRecent[proofKey, proof](maxEntries)}
	p.latest.Store(&time.Time{})
	return p
}

// get returns the proof of the key, or nil. Being used does not prolong its life.
func (p *proofs) get(key proofKey) *proof {
	now, setBack := p.read()
	if setBack {
		return nil
	}
	if found := p.recent.get(key); found != nil && found.valid(now, p.ttl) {
		return found
	}
	return nil
}

// put remembers a proof.
func (p *proofs) put(key proofKey, added *proof) {
	if added.valid(p.advance(), p.ttl) {
		p.recent.add(key, added)
	}
}

// drop forgets the proof, unless a newer one has taken its place.
func (p *proofs) drop(key proofKey, dropped *proof) {
	if p.recent.get(key) == dropped {
		p.recent.drop(key)
	}
}

// advance returns the time. It forgets everything when the clock was set back, so that nothing that had expired counts again.
func (p *proofs) advance() time.Time {
	now, setBack := p.read()
	if setBack {
		p.recent.clear()
		p.latest.Store(&now) // last: who reads it relies on the rest being gone
	}
	return now
}

// read reads the clock after what it has shown to others, so that it does not seem to be set back when they are faster. Of time.Now
// nothing is noted: each request would write what all others read.
func (p *proofs) read() (now time.Time, setBack bool) {
	if p.clock == nil {
		return time.Now(), false
	}
	latest := p.latest.Load()
	now = p.clock()
	ahead := now.Sub(*latest)
	if ahead > 0 {
		seen := now
		p.latest.CompareAndSwap(latest, &seen)
	}
	return now, ahead < 0
}
