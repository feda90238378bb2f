package authn

import (
	"crypto/subtle"
	"sync"
	"time"
)

// trust remembers with which credentials an account was logged in to from an address. It is safe for concurrent use.
type trust struct {
	lasts  time.Duration
	adding sync.Mutex // of a place
	places *recent[ThrottleKey, trusted]
}

// A trusted place is an account at an address.
type trusted struct {
	mu     sync.RWMutex
	logins [trustLogins]trustedLogin // the one used last is in front
	// guesses is how many more wrong passwords may be compared with the right ones while the place is throttled, at the
	// time counted.
	guesses int
	counted time.Time
}

type trustedLogin struct {
	proof credentialsMAC // zero: none
	used  time.Time
}

// trustGrain is to which part of the time that trust lasts a use is noted, a second of a day: the nodes of a cluster behind one
// address use the same login at once, and only read.
const trustGrain = 100_000

// trustLogins is how many passwords of one account are remembered per address: a robot may have several.
const trustLogins = 4

// While a place is throttled, right credentials go through and wrong ones do not, so whoever shares the address goes on guessing
// for as long as anybody's credentials are compared. Nothing lets the owner through always and the stranger never. So the
// stranger has a thousand guesses at once, and then one in three seconds, as many as an address has for all accounts together.
// When they are used up, the owner waits as everybody does.
const (
	trustGuesses = 1000
	trustRefill  = 3 * time.Second
)

func newTrust(lasts time.Duration, maxEntries int) *trust {
	return &trust{lasts: lasts, places: newRecent[ThrottleKey, trusted](maxEntries)}
}

// allows reports whether the credentials are those of a login at that place, not long ago. Being used prolongs it.
func (t *trust) allows(place ThrottleKey, proof credentialsMAC, now time.Time) bool {
	known := t.places.get(place)
	if known == nil {
		return false
	}
	known.mu.RLock()
	settled := known.settled(proof, now, t.lasts)
	known.mu.RUnlock()
	if settled {
		return true
	}
	known.mu.Lock()
	defer known.mu.Unlock()
	known.refill(now)
	i := known.find(proof)
	if i < 0 || known.guesses == 0 || now.Sub(known.logins[i].used) >= t.lasts {
		return false
	}
	known.use(i, proof, now)
	return true
}

// add remembers a login.
func (t *trust) add(place ThrottleKey, proof credentialsMAC, now time.Time) {
	known := t.at(place, now)
	known.mu.Lock()
	defer known.mu.Unlock()
	i := known.find(proof)
	if i < 0 {
		i = trustLogins - 1
	}
	known.use(i, proof, now)
}

// at returns a place, which is a new one if it is not known.
func (t *trust) at(place ThrottleKey, now time.Time) *trusted {
	t.adding.Lock()
	defer t.adding.Unlock()
	known := t.places.get(place)
	if known == nil {
		known = &trusted{guesses: trustGuesses, counted: now}
		t.places.add(place, known)
	}
	return known
}

// spend notes that credentials were compared with those of the logins, were others, and were not checked otherwise.
func (t *trust) spend(place ThrottleKey, now time.Time) {
	if known := t.places.get(place); known != nil {
		known.mu.Lock()
		defer known.mu.Unlock()
		known.refill(now)
		known.guesses = max(0, known.guesses-1)
	}
}

// drop forgets a login whose credentials turned out not to be right any more.
func (t *trust) drop(place ThrottleKey, proof credentialsMAC) {
	if known := t.places.get(place); known != nil {
		known.mu.Lock()
		defer known.mu.Unlock()
		if i := known.find(proof); i >= 0 {
			known.logins[i] = trustedLogin{}
		}
	}
}

// settled reports whether the credentials are allowed and nothing has to change for it: they are those that were used last, a
// moment ago, and there are no guesses to give back.
func (k *trusted) settled(proof credentialsMAC, now time.Time, lasts time.Duration) bool {
	age := now.Sub(k.logins[0].used)
	return k.find(proof) == 0 && k.guesses == trustGuesses && 0 <= age && age < lasts/trustGrain
}

// find looks at all, so that the time tells nothing about which is how near.
func (k *trusted) find(proof credentialsMAC) int {
	found := -1
	for i := range k.logins {
		if subtle.ConstantTimeCompare(k.logins[i].proof[:], proof[:]) == 1 {
			found = i
		}
	}
	return found
}

// use puts a login to the front, in place of the i-th.
func (k *trusted) use(i int, proof credentialsMAC, now time.Time) {
	copy(k.logins[1:i+1], k.logins[:i])
	k.logins[0] = trustedLogin{proof, now}
}

// refill gives back the guesses that have become free since. When the clock was set back, it counts from there.
func (k *trusted) refill(now time.Time) {
	more := int(now.Sub(k.counted) / trustRefill)
	if more < 0 || k.guesses+more >= trustGuesses {
		k.guesses, k.counted = min(trustGuesses, k.guesses+max(0, more)), now
		return
	}
	k.guesses, k.counted = k.guesses+more, k.counted.Add(time.Duration(more)*trustRefill)
}
