package token

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	defaultKeyLifetime  = 24 * time.Hour
	minKeyLifetime      = 10 * time.Minute
	defaultPublishFirst = 5 * time.Minute // package auth lets clients cache the JWKS for one
	retryInterval       = 10 * time.Second
)

// An AuthorityKeysConfig configures [AuthorityKeys]. The zero value is a good one.
type AuthorityKeysConfig struct {
	// Algorithm is that of the keys. Empty is [ES256].
	Algorithm Algorithm
	// Lifetime is how long the certificate of a key is valid: at least ten minutes, and, as
	// [NewIssuer] checks, a minute longer than a token. Zero is 24 hours.
	Lifetime time.Duration
	// PublishFirst is how long a new key is in the JWKS before it signs, for verifiers that fetch
	// it from a single replica: at most a sixth of Lifetime. Zero is five minutes, or that sixth;
	// negative is none.
	PublishFirst time.Duration
	// Logger receives a line for each new key, and one when a renewal fails. Nil is
	// [slog.Default], looked up at each use.
	Logger *slog.Logger
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
}

// AuthorityKeys are short-lived signing keys below an [Authority] that renew themselves. They live
// in memory only: each replica of a token server has its own, new ones at each start, and
// registries accept them all. They are safe for concurrent use.
//
// After two thirds of a key's lifetime the next one is made and published, and it signs some
// minutes later. The old one verifies until its last token has expired. There is no goroutine: the
// first use of the set (Issue, Verify, JWKS) when a renewal is due makes the key, which takes some
// milliseconds, while all others use the old key. With RSA keys, or an authority in a slow device,
// call [KeySet.Signing] from a ticker. Requests wait only if the old key is too old to sign, as
// after a night without requests. A token expires at least a minute before the certificate of its
// key; if renewals fail until then, no tokens are issued.
//
// Distribution finds the keys by x5c, and so does a [Verifier] with the authority in its Roots. A
// Verifier with [ParseBundle] of the authority does not, and neither does zot. Nor is a fetched
// JWKS enough if there are several replicas: it has only the keys of the replica that answered, so
// the verifier refuses the tokens of all others, and those from before a restart. Use Roots.
type AuthorityKeys struct {
	authority *Authority
	config    AuthorityKeysConfig
	set       *KeySet

	renewing sync.Mutex    // held during a renewal, however slow; guards what follows
	current  *Key          // signs, unless another key was promoted by hand
	next     *Key          // published, or nil
	nextAt   time.Time     // when next signs
	longest  time.Duration // lifetime of a token
	removeAt map[string]time.Time
	failedAt time.Time

	errMu sync.Mutex
	err   error
}

// NewKeys returns new keys below the authority, the first already made. No key outlives the
// authority. The error says which field is out of range, or why no key can be made. An issuer whose
// Keys are the Authority itself makes its own, with the zero config.
func (a *Authority) NewKeys(config AuthorityKeysConfig) (*AuthorityKeys, error) {
	if a == nil || a.key == nil {
		return nil, fmt.Errorf("new authority keys: %w: the authority is nil or empty", ErrKey)
	}
	config.Lifetime = cmp.Or(config.Lifetime, defaultKeyLifetime)
	config.PublishFirst = cmp.Or(config.PublishFirst, min(defaultPublishFirst, config.Lifetime/6))
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Lifetime < minKeyLifetime || config.PublishFirst > config.Lifetime/6 {
		return nil, fmt.Errorf("new authority keys: the lifetime of %v is less than %v, "+
			"or less than six times PublishFirst", config.Lifetime, minKeyLifetime)
	}
	config.PublishFirst = max(config.PublishFirst, 0)
	k := &AuthorityKeys{
		authority: a, config: config, longest: maxLifetime,
		removeAt: make(map[string]time.Time),
	}
	first, err := k.generate(config.Now())
	if err != nil {
		return nil, err
	}
	k.current, k.set = first, &KeySet{renewal: k, signing: first, list: []*Key{first}}
	return k, nil
}

// KeySet returns the set of the keys: its JWKS, and [KeySet.Retire] for a key that leaked.
func (k *AuthorityKeys) KeySet() *KeySet { return k.set }

// Renew makes a new key that signs at once. If the old one leaked, remove it by [KeySet.Retire];
// but registries accept its tokens until its certificate ends, unless the authority is replaced.
func (k *AuthorityKeys) Renew() error {
	k.renewing.Lock()
	defer k.renewing.Unlock()
	return k.renew(k.config.Now(), 0)
}

// Err does a renewal that is due, and returns the error of the last one, or nil: for a readiness
// check or an alarm. Until its end the old key signs.
func (k *AuthorityKeys) Err() error {
	k.renewIfDue()
	k.errMu.Lock()
	defer k.errMu.Unlock()
	return k.err
}

// keepFor says how long tokens of an issuer live, since replaced keys must verify them until then.
// Keys that sign for less than a third of their lifetime would pile up.
func (k *AuthorityKeys) keepFor(lifetime time.Duration) error {
	if most := k.config.Lifetime * 2 / 3; lifetime > max(most, maxLifetime) {
		return fmt.Errorf("%w: tokens for %v need keys for longer than %v", ErrKey, lifetime,
			k.config.Lifetime)
	}
	k.renewing.Lock()
	defer k.renewing.Unlock()
	k.longest = max(k.longest, lifetime)
	return nil
}

// renewIfDue does what is due, unless another request is doing it.
func (k *AuthorityKeys) renewIfDue() {
	if !k.renewing.TryLock() {
		return
	}
	defer k.renewing.Unlock()
	now := k.config.Now()
	for id, at := range k.removeAt {
		if !now.Before(at) {
			_ = k.set.Retire(id) // fails if the set was changed by hand
			delete(k.removeAt, id)
		}
	}
	c := k.current.chain[0]
	lifetime := c.NotAfter.Sub(c.NotBefore) - clockDifference
	switch {
	case k.next != nil && !now.Before(k.nextAt):
		k.promote(now)
	case k.failedRecently(now):
	case now.Before(c.NotBefore), now.After(k.current.signsUntil):
		_ = k.renew(now, 0) // after a long idle time, or when the clock was set back
	case k.next == nil && !now.Before(c.NotAfter.Add(-lifetime/3)):
		_ = k.renew(now, k.config.PublishFirst)
	}
}

// renewFor waits for a renewal, so that there is a key for a token that expires at end.
func (k *AuthorityKeys) renewFor(end time.Time) error {
	k.renewing.Lock()
	defer k.renewing.Unlock()
	now := k.config.Now()
	signing, _ := k.set.load()
	switch {
	case signing.maySign(end): // another request has renewed it
		return nil
	case k.next != nil && k.next.maySign(end):
		k.promote(now)
		return nil
	case k.failedRecently(now):
		return k.err
	default:
		return k.renew(now, 0)
	}
}

// renew makes the next key. It signs after it was published for some time, or at once.
func (k *AuthorityKeys) renew(now time.Time, publishFirst time.Duration) error {
	key, err := k.generate(now)
	if err != nil {
		return k.report(err, now)
	}
	_ = k.set.Add(key) // takes every key that signs
	if k.next != nil { // it has signed nothing yet, unless it was promoted by hand
		_ = k.set.Retire(k.next.id)
	}
	now = k.config.Now() // making the key can take a while
	k.next, k.nextAt = key, now.Add(publishFirst)
	k.log(slog.LevelInfo, "new token signing key", slog.Any("key", key),
		slog.Time("signs", k.nextAt), slog.Time("end", key.signsUntil))
	if publishFirst == 0 {
		k.promote(now)
	}
	return k.report(nil, now)
}

// promote lets the next key sign, and decides when the ones before are removed.
func (k *AuthorityKeys) promote(now time.Time) {
	before, _ := k.set.load()
	_ = k.set.Add(k.next) // again: it may have been retired by hand
	_ = k.set.Promote(k.next.id)
	for _, old := range []*Key{before, k.current} {
		// Its last token was signed before now, and expires before its certificate.
		k.removeAt[old.id] = now.Add(k.longest + defaultLeeway + k.config.PublishFirst)
		if old.authority != nil && old.chain[0].NotAfter.Before(k.removeAt[old.id]) {
			k.removeAt[old.id] = old.chain[0].NotAfter
		}
	}
	delete(k.removeAt, k.next.id)
	k.current, k.next = k.next, nil
}

func (k *AuthorityKeys) generate(now time.Time) (*Key, error) {
	authority := k.authority.key.chain[0]
	// A key that ends with the authority is not renewed: the next one would end at the same time.
	if c := k.current; c != nil && !c.chain[0].NotAfter.Before(authority.NotAfter) &&
		!now.Before(c.chain[0].NotBefore) {
		return nil, fmt.Errorf("generate key: %w: the authority %q ends at %s, as do its keys",
			errBadCertificate, authority.Subject, timestamp(authority.NotAfter))
	}
	key, err := k.authority.generateKey(k.config.Algorithm, k.config.Lifetime, now)
	if err == nil {
		key.authority = authority
		key.signsUntil = key.chain[0].NotAfter.Add(-defaultLeeway)
	}
	return key, err
}

// report records and returns the outcome of a renewal. It logs a repeated error once.
func (k *AuthorityKeys) report(err error, now time.Time) error {
	k.errMu.Lock()
	before := k.err
	k.err = err
	k.errMu.Unlock()
	k.failedAt = now
	if err != nil && (before == nil || before.Error() != err.Error()) {
		k.log(slog.LevelError, "token signing key not renewed, the old one signs until its end",
			slog.Any("error", err), slog.Time("end", k.current.signsUntil))
	}
	return err
}

// failedRecently reports whether it is too early for another attempt.
func (k *AuthorityKeys) failedRecently(now time.Time) bool {
	since := now.Sub(k.failedAt)
	return k.err != nil && since >= 0 && since < retryInterval
}

func (k *AuthorityKeys) log(level slog.Level, message string, attrs ...slog.Attr) {
	logger := cmp.Or(k.config.Logger, slog.Default())
	logger.LogAttrs(context.Background(), level, message, attrs...)
}
