package token

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// The lifetimes of a key of [AuthorityKeys].
const (
	// defaultKeyLifetime is that of [AuthorityKeys] without another.
	defaultKeyLifetime = 24 * time.Hour
	// minKeyLifetime is the least that is accepted.
	minKeyLifetime = 10 * time.Minute
)

// retryAfter is how long a renewal that failed is not tried again.
const retryAfter = 10 * time.Second

// An AuthorityKeysConfig configures [AuthorityKeys].
type AuthorityKeysConfig struct {
	// Algorithm is that of the keys. Empty is [ES256].
	Algorithm Algorithm
	// Lifetime is how long the certificate of a key is valid: at least [minKeyLifetime], and longer than the tokens and a
	// minute. Zero is [defaultKeyLifetime].
	Lifetime time.Duration
	// PublishFirst is how long a new key is in the JWKS before it signs, for verifiers that fetch it now and then;
	// registries that know the authority need not wait. It is at most a sixth of Lifetime. Zero is five minutes, or that
	// sixth; a negative one is none.
	PublishFirst time.Duration
	// Logger receives a line for each new key, and one when there is none to be had. Nil is slog.Default(), looked up at
	// each use.
	Logger *slog.Logger
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
}

// AuthorityKeys are short-lived signing keys below an [Authority], made and renewed by themselves. They live in memory
// only: each replica and each start of a token server has its own, and registries accept them all.
//
// When two thirds of a key's lifetime are over, the next one is made and published, and some minutes later it signs. The
// old one verifies until its last token has expired. There is no goroutine: the first use of the set when something is due
// does it, and all others go on meanwhile with the old key. That costs one request some milliseconds; with RSA keys, or an
// authority whose key is in a slow device, let a ticker of your own use the set now and then. Requests wait for a new key
// only when no token can be signed with the old one, as after a night without any.
//
// Distribution finds the keys by x5c, and a [Verifier] with the authority in its Roots does too; one with [ParseBundle] of
// the authority does not, since the authority itself signs no tokens, nor does zot.
//
// A token never ends later than a minute before the certificate of its key. When no new key can be made, tokens are issued
// until that would happen, and then no more.
//
// AuthorityKeys are safe for concurrent use.
type AuthorityKeys struct {
	authority *Authority
	config    AuthorityKeysConfig
	set       *KeySet
	quiet     atomic.Pointer[interval] // while nothing is to be done
	err       atomic.Pointer[error]

	mu       sync.Mutex // held by the one that changes keys
	rotation rotation
	leaf     *Key // the last that signed, which is the one that does unless another was promoted by hand
	retryAt  time.Time
}

// interval is a span of time from begin until before end.
type interval struct{ begin, end time.Time }

func (i *interval) has(t time.Time) bool { return t.Before(i.end) && !t.Before(i.begin) }

var _ keeper = (*AuthorityKeys)(nil)

// NewKeys returns keys below the authority and makes the first key. The error says which field of the configuration is missing or out of range, or why
// there is no key.
func (a *Authority) NewKeys(config AuthorityKeysConfig) (*AuthorityKeys, error) {
	if config.Lifetime == 0 {
		config.Lifetime = defaultKeyLifetime
	}
	if config.PublishFirst == 0 {
		config.PublishFirst = min(defaultPublishFirst, config.Lifetime/6)
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	switch {
	case config.Lifetime < minKeyLifetime:
		return nil, fmt.Errorf("make keys: a lifetime of %v, less than %v", config.Lifetime, minKeyLifetime)
	case config.PublishFirst > config.Lifetime/6:
		return nil, fmt.Errorf("make keys: published for %v, more than a sixth of the lifetime of %v", config.PublishFirst, config.Lifetime)
	}
	k := &AuthorityKeys{authority: a, config: config}
	first, err := k.generate(config.Now())
	if err != nil {
		return nil, err
	}
	if k.set, err = NewKeySet(first); err != nil {
		return nil, err
	}
	k.set.keeper, k.leaf = k, first
	k.rotation = rotation{set: k.set, publishFirst: max(config.PublishFirst, 0)}
	k.schedule()
	return k, nil
}

// KeySet returns the set, for [NewIssuer]. Its [KeySet.BundlePEM] is the certificate of the authority alone.
func (a *AuthorityKeys) KeySet() *KeySet { return a.set }

// Renew makes a new key that signs at once, without being published first: for a key that may have leaked, which is then
// to be retired by [KeySet.Retire]. Registries accept the tokens of a leaked key until its certificate ends, which they
// cannot be told; that is why it should be soon.
func (a *AuthorityKeys) Renew() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.schedule()
	return a.replace(a.config.Now())
}

// Err says why there is no new key although it is time for one, and is nil otherwise: for a readiness check or an alarm.
// While there is an error, the old key goes on.
func (a *AuthorityKeys) Err() error {
	a.keep()
	return a.lastError()
}

func (a *AuthorityKeys) lastError() error {
	if err := a.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (a *AuthorityKeys) keep() {
	now := a.config.Now()
	if a.quiet.Load().has(now) || !a.mu.TryLock() { // whoever has the lock is about to do what is due
		return
	}
	defer a.mu.Unlock()
	if !a.quiet.Load().has(now) {
		defer a.schedule()
		a.step(now)
	}
}

func (a *AuthorityKeys) signUntil(end time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.set.current.Load().signing.maySign(end) { // since another request has just seen to it
		return nil
	}
	defer a.schedule()
	now := a.config.Now()
	if next := a.rotation.next; next != nil && next.maySign(end) {
		return a.promote(now)
	}
	if a.mustWait(now) {
		return a.lastError()
	}
	return a.replace(now)
}

// step does what is due. An error is logged and tried again later.
func (a *AuthorityKeys) step(now time.Time) {
	a.rotation.removeOld(now)
	switch {
	case a.rotation.nextIsDue(now):
		a.report(a.promote(now), now)
	case a.mustWait(now):
	case !a.leaf.isValid(now): // after a long idle time, or when the clock was set back
		_ = a.replace(now)
	case a.rotation.next == nil && !now.Before(renewalOf(a.leaf)):
		a.prepare(now)
	}
}

// prepare makes and publishes the next key.
func (a *AuthorityKeys) prepare(now time.Time) {
	key, err := a.generate(now)
	if err == nil {
		err = a.set.Add(key)
	}
	if err == nil {
		now = a.config.Now() // to make the key took a while, and it is published for all of its time
		a.rotation.hold(key, now.Add(a.rotation.publishFirst), now)
		a.log(slog.LevelInfo, "new token signing key published", slog.Any("key", key), slog.Time("signs", a.rotation.nextAt))
	}
	if err == nil && a.rotation.nextIsDue(now) {
		err = a.promote(now)
	}
	a.report(err, now)
}

// replace makes the next key and lets it sign.
func (a *AuthorityKeys) replace(now time.Time) error {
	key, err := a.generate(now)
	if err == nil {
		a.rotation.hold(key, time.Time{}, now)
		err = a.promote(now)
	}
	a.report(err, now)
	return err
}

func (a *AuthorityKeys) promote(now time.Time) error {
	old, next := a.leaf, a.rotation.next
	if err := a.rotation.promote(now); err != nil {
		return err
	}
	a.rotation.retire(old, now) // even if it did not sign
	a.leaf = next
	a.log(slog.LevelInfo, "token signing key replaced", slog.Any("signing", next), slog.Time("end", next.signsUntil))
	return nil
}

func (a *AuthorityKeys) generate(now time.Time) (*Key, error) {
	authority := a.authority
	if a.leaf != nil {
		// A new key would end as soon, and be renewed sooner and sooner.
		if leaf := a.leaf.chain[0]; !leaf.NotAfter.Before(authority.certificate.NotAfter) && !now.Before(leaf.NotBefore) {
			return nil, fmt.Errorf("generate key: %w: the authority %q ends at %s, and with it the keys that it certified",
				errBadCertificate, authority.certificate.Subject, authority.certificate.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	key, err := authority.generateKey(a.config.Algorithm, a.config.Lifetime, now)
	if err != nil {
		return nil, err
	}
	key.authority = authority.certificate
	key.signsUntil = key.chain[0].NotAfter.Add(-defaultLeeway)
	return key, nil
}

// report remembers what became of an attempt, and logs a failure once, however often it is repeated.
func (a *AuthorityKeys) report(err error, now time.Time) {
	before := a.err.Load()
	if err == nil {
		a.retryAt = time.Time{}
		a.err.Store(nil)
		return
	}
	a.retryAt = now.Add(retryAfter)
	a.err.Store(&err)
	if before == nil || (*before).Error() != err.Error() {
		a.log(slog.LevelError, "token signing key not renewed, the earlier one goes on until its end",
			slog.Any("error", err), slog.Time("end", a.leaf.signsUntil))
	}
}

// mustWait reports whether an attempt has just failed.
func (a *AuthorityKeys) mustWait(now time.Time) bool {
	return (&interval{a.retryAt.Add(-retryAfter), a.retryAt}).has(now)
}

// schedule works out when something is to be done next, or when the clock is seen to be set back.
func (a *AuthorityKeys) schedule() {
	due := a.rotation.due()
	if a.rotation.next == nil {
		due = earlier(due, renewalOf(a.leaf))
	}
	if !a.retryAt.IsZero() && due.Before(a.retryAt) {
		due = a.retryAt
	}
	a.quiet.Store(&interval{a.leaf.chain[0].NotBefore, due})
}

// isValid reports whether registries accept the certificate of a key of AuthorityKeys.
func (k *Key) isValid(now time.Time) bool {
	return !now.Before(k.chain[0].NotBefore) && !now.After(k.signsUntil)
}

// renewalOf returns when two thirds of a key's lifetime are over.
func renewalOf(key *Key) time.Time {
	certificate := key.chain[0]
	made := certificate.NotBefore.Add(clockDifference)
	return made.Add(certificate.NotAfter.Sub(made) * 2 / 3)
}

func (a *AuthorityKeys) log(level slog.Level, message string, attrs ...slog.Attr) {
	logger := a.config.Logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(context.Background(), level, message, attrs...)
}
