package token

import (
	"slices"
	"time"
)

// defaultPublishFirst is how long a new key is published before it signs: several times as long as package auth lets the
// JWKS be kept.
const defaultPublishFirst = 5 * time.Minute

// A rotation takes the keys of a set through their lives: published, signing, verifying, gone. Whoever has it locks it.
type rotation struct {
	set          *KeySet
	publishFirst time.Duration

	next   *Key      // what is to sign next, or nil
	nextAt time.Time // when; the zero time means when somebody says so
	old    []oldKey
}

// An oldKey is one that does not sign any more, and is removed when its last token has expired.
type oldKey struct {
	id     string
	goneAt time.Time
}

// hold remembers what is to sign next, and gives up what was to sign before.
func (r *rotation) hold(key *Key, at, now time.Time) {
	r.giveUp(now)
	r.spare(key.id)
	r.next, r.nextAt = key, at
}

// giveUp lets the next key never sign. It may do so elsewhere, in a replica, so it verifies for the usual time.
func (r *rotation) giveUp(now time.Time) {
	if r.next != nil && r.next.id != r.set.current.Load().signing.id {
		r.retire(r.next, now)
	}
	r.next = nil
}

// promote lets the next key sign.
func (r *rotation) promote(now time.Time) error {
	before := r.set.current.Load().signing
	if err := r.set.Add(r.next); err != nil { // again, in case that it was removed or only held
		return err
	}
	if err := r.set.Promote(r.next.id); err != nil {
		return err
	}
	if before.id != r.next.id {
		r.retire(before, now)
	}
	r.next = nil
	return nil
}

// retire removes a key as soon as no token of it can be accepted any more: it has signed its last one before now.
func (r *rotation) retire(key *Key, now time.Time) {
	goneAt := now.Add(maxLifetime + defaultLeeway + r.publishFirst)
	if end := key.signsUntil.Add(defaultLeeway); !key.signsUntil.IsZero() && end.Before(goneAt) {
		goneAt = end
	}
	r.spare(key.id)
	r.old = append(r.old, oldKey{key.id, goneAt})
}

// spare forgets that a key is to be removed.
func (r *rotation) spare(id string) {
	r.old = slices.DeleteFunc(r.old, func(o oldKey) bool { return o.id == id })
}

// removeOld removes the keys whose time has come. One that signs again, or is gone already, was changed by hand.
func (r *rotation) removeOld(now time.Time) {
	r.old = slices.DeleteFunc(r.old, func(o oldKey) bool {
		if now.Before(o.goneAt) {
			return false
		}
		_ = r.set.Retire(o.id)
		return true
	})
}

// nextIsDue reports whether the next key is to sign now.
func (r *rotation) nextIsDue(now time.Time) bool {
	return r.next != nil && !r.nextAt.IsZero() && !now.Before(r.nextAt)
}

// due returns when something is to be done next. The zero time means never.
func (r *rotation) due() time.Time {
	var due time.Time
	if r.next != nil {
		due = r.nextAt
	}
	for _, o := range r.old {
		due = earlier(due, o.goneAt)
	}
	return due
}

// earlier returns the earlier of two times, of which the zero one means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
