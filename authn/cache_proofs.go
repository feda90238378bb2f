package authn

import (
	"container/list"
	"crypto/sha256"
	"time"
)

// A proofKey stands for a user name and a password.
type proofKey [sha256.Size]byte

// A proof is a password check that succeeded.
type proof struct {
	key     proofKey
	subject Subject
	checked time.Time
}

// proofs are a bounded number of proofs, each for a limited time. They are not safe for concurrent use.
type proofs struct {
	ttl        time.Duration
	maxEntries int
	byKey      map[proofKey]*list.Element
	byUse      *list.List // of *proof; the one used last is in front
	latest     time.Time  // that the clock has shown
}

func newProofs(ttl time.Duration, maxEntries int) *proofs {
	return &proofs{ttl: ttl, maxEntries: maxEntries, byKey: make(map[proofKey]*list.Element), byUse: list.New()}
}

// get returns the proof of the key, or nil. Being used does not prolong its life.
func (p *proofs) get(key proofKey, now time.Time) *proof {
	p.advance(now)
	element, ok := p.byKey[key]
	if !ok {
		return nil
	}
	if found := proofIn(element); p.valid(found, now) {
		p.byUse.MoveToFront(element)
		return found
	}
	p.remove(element)
	return nil
}

// put remembers a proof.
func (p *proofs) put(added *proof, now time.Time) {
	p.advance(now)
	if !p.valid(added, now) {
		return
	}
	if element, ok := p.byKey[added.key]; ok {
		p.remove(element)
	}
	p.byKey[added.key] = p.byUse.PushFront(added)
	if p.byUse.Len() > p.maxEntries {
		p.remove(p.byUse.Back())
	}
}

// drop forgets the proof, unless a newer one has taken its place.
func (p *proofs) drop(dropped *proof) {
	if element, ok := p.byKey[dropped.key]; ok && proofIn(element) == dropped {
		p.remove(element)
	}
}

func (p *proofs) valid(f *proof, now time.Time) bool {
	age := now.Sub(f.checked)
	return 0 <= age && age < p.ttl
}

// advance forgets everything when the clock was set back, so that nothing that had expired counts again.
func (p *proofs) advance(now time.Time) {
	if now.Before(p.latest) {
		clear(p.byKey)
		p.byUse.Init()
	}
	p.latest = now
}

func (p *proofs) remove(element *list.Element) {
	delete(p.byKey, proofIn(element).key)
	p.byUse.Remove(element)
}

func proofIn(element *list.Element) *proof {
	return element.Value.(*proof) //nolint:errcheck,forcetypeassert // the list holds nothing else
}
