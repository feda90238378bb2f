package authn

import (
	"crypto/subtle"
	"sync"
	"time"
)

// trust remembers with which credentials an account was logged in to from an address. It is safe for concurrent use.
type trust struct {
	lasts time.Duration

	mu     sync.Mutex
	places *lru[ThrottleKey, trusted]
}

// A trusted place is an account at an address.
type trusted struct {
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
	return &trust{lasts: lasts, places: newLRU[ThrottleKey, trusted](maxEntries)}
}

// allows reports whether the credentials are those of a login at that place, not long ago. Being used prolongs it.
func (t *trust) allows(place ThrottleKey, proof credentialsMAC, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.places.get(place)
	if known == nil {
		return false
	}
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
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.places.get(place)
	if known == nil {
		known = t.places.add(place)
		known.guesses, known.counted = trustGuesses, now
	}
	i := known.find(proof)
	if i < 0 {
		i = trustLogins - 1
	}
	known.use(i, proof, now)
}

// spend notes that credentials were compared with those of the logins, were others, and were not checked otherwise.
func (t *trust) spend(place ThrottleKey, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.places.get(place); known != nil {
		known.refill(now)
		known.guesses = max(0, known.guesses-1)
	}
}

// drop forgets a login whose credentials turned out not to be right any more.
func (t *trust) drop(place ThrottleKey, proof credentialsMAC) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.places.get(place); known != nil {
		if i := known.find(proof); i >= 0 {
			known.logins[i] = trustedLogin{}
		}
	}
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
