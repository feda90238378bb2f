package token

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// A KeyFileConfig holds what [OpenKeyFile] need not be told.
type KeyFileConfig struct {
	// CertFile has the certificates of the key. Empty means that they are in the key file, or that there are none.
	CertFile string
	// Roots are the certificates that all registries have in rootcertbundle. A new key of the same algorithm whose
	// certificate is among them, or below one of them, signs by itself. Without Roots no new key does: registries read the
	// bundle at start, and one that has not been told would refuse all tokens. See [KeyFile.Promote].
	Roots *x509.CertPool
	// PromoteUnknown lets any new key sign by itself, for registries that fetch the JWKS. Registries that read keys only
	// at start refuse its tokens unless they were told before.
	PromoteUnknown bool
	// PublishFirst is how long a new key is in the JWKS before it signs by itself. Zero is five minutes, a negative one is
	// none.
	PublishFirst time.Duration
	// Logger receives what became of changes to the files. Nil is slog.Default(), looked up at each use.
	Logger *slog.Logger
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
}

// A KeyFile is a signing key that is replaced by replacing its file. It is safe for concurrent use, holds nothing open and
// needs no closing.
//
// When the set is used, and at most once a second, the time stamps of the files are looked at. A change counts when two
// seconds have passed without another, so that a file that is being written, or of which the certificate is still to
// come, is left alone. What cannot be read then, or is worse than before, is not taken over: no private key, one of an
// unsupported type, a certificate of another key or none at all, a file that everybody may read in the place of one that
// nobody else might. The old key goes on, the log says why, once for each change, and so does [KeyFile.Err].
//
// A good key is published in the JWKS and the bundle. Whether it then signs by itself is decided by the configuration; if
// not, it waits for [KeyFile.Promote]. The key that signed before verifies for an hour, the longest that a token lives,
// and a few minutes, and is removed then. A new certificate of the same key takes the place of the old one when the key would
// sign, not before.
type KeyFile struct {
	keyFile string
	config  KeyFileConfig
	set     *KeySet
	quiet   atomic.Pointer[interval] // while nothing is to be done
	err     atomic.Pointer[error]

	mu       sync.Mutex // held by the one that looks
	rotation rotation
	exposed  bool // whether everybody may read the key that was last taken over
	seen     keyFileState
	seenAt   time.Time
	judged   bool // whether what was seen has been taken over or refused; not at first, since it was read before it settled
}

var _ keeper = (*KeyFile)(nil)

// OpenKeyFile loads a key as [LoadKey] does, and follows its files. The key signs at once.
func OpenKeyFile(keyFile string, config KeyFileConfig) (*KeyFile, error) {
	if config.PublishFirst == 0 {
		config.PublishFirst = defaultPublishFirst
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	f := &KeyFile{keyFile: keyFile, config: config, seenAt: config.Now()}
	f.seen = f.look()
	key, err := f.load()
	if err != nil {
		return nil, err
	}
	f.exposed = f.seen.exposed()
	if f.set, err = NewKeySet(key); err != nil {
		return nil, err
	}
	f.set.keeper = f
	f.rotation = rotation{set: f.set, publishFirst: max(config.PublishFirst, 0)}
	f.schedule(f.seenAt)
	return f, nil
}

// Keys returns the set, for [NewIssuer].
func (f *KeyFile) Keys() *KeySet { return f.set }

// Err says why the files as they are now are not in force, and is nil when they are, or when their key waits for its time
// or for [KeyFile.Promote].
func (f *KeyFile) Err() error {
	f.keep()
	return f.lastError()
}

func (f *KeyFile) lastError() error {
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}

// Pending returns the key that is published and does not sign yet, or nil.
func (f *KeyFile) Pending() *Key {
	f.keep()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rotation.next
}

// Promote lets the pending key sign, for when all registries were told. The error wraps [ErrKeyUnknown] when there is none.
func (f *KeyFile) Promote() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.schedule(f.config.Now())
	if f.rotation.next == nil {
		return fmt.Errorf("promote key: %w: none is pending", ErrKeyUnknown)
	}
	return f.promote(f.config.Now())
}

// Reload looks at the files now, without waiting for two seconds, and returns what [KeyFile.Err] would: for a signal that
// says that both are complete.
func (f *KeyFile) Reload() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.config.Now()
	defer f.schedule(now)
	f.seen, f.seenAt = f.look(), now
	f.judge(now)
	f.step(f.config.Now())
	return f.lastError()
}

// judge takes over what is in the files, or refuses it.
func (f *KeyFile) judge(now time.Time) {
	key, err := f.load()
	if again := f.look(); !again.same(f.seen) { // while it was read
		f.seen, f.seenAt, f.judged = again, now, false
		return
	}
	f.judged = f.seen.err != nil || !isReadError(err) // a file that is there and cannot be read is tried again
	if err == nil {
		err = f.checkNotWorse(key)
	}
	if err == nil {
		err = f.takeOver(key, now)
	}
	f.report(err)
}

func (f *KeyFile) checkNotWorse(key *Key) error {
	switch {
	case len(key.chain) == 0 && len(f.signing().chain) > 0:
		return fmt.Errorf("load key %s: %w: none, and the key before had one", f.keyFile, ErrBadCertificate)
	case f.seen.exposed() && !f.exposed:
		return fmt.Errorf("load key %s: everybody on this machine may read it, and nobody might before", f.keyFile)
	}
	return nil
}

// takeOver publishes a key, and decides when it is to sign.
func (f *KeyFile) takeOver(key *Key, now time.Time) error {
	f.exposed = f.seen.exposed()
	if next := f.rotation.next; next != nil && sameKeyAndChain(key, next) {
		return nil
	}
	if sameKeyAndChain(key, f.signing()) { // the files are back to what they were
		f.rotation.giveUp(now)
		return nil
	}
	if key.id != f.signing().id {
		if err := f.set.Add(key); err != nil {
			return err
		}
	}
	now = f.config.Now() // to read the key took a while, and it is published for all of its time
	var at time.Time
	if f.maySignByItself(key, now) {
		at = now.Add(f.rotation.publishFirst)
	}
	f.rotation.hold(key, at, now)
	f.logPending(key, at)
	return nil
}

// maySignByItself reports whether registries accept tokens of the key without being told.
func (f *KeyFile) maySignByItself(key *Key, now time.Time) bool {
	switch {
	case f.config.PromoteUnknown:
		return true
	case f.config.Roots == nil || len(key.chain) == 0 || key.algorithm != f.signing().algorithm:
		return false
	}
	return leadsToRoot(key.chain, f.config.Roots, now)
}

// step lets keys sign and be removed when it is time.
func (f *KeyFile) step(now time.Time) {
	f.rotation.removeOld(now)
	if f.rotation.nextIsDue(now) {
		if err := f.promote(now); err != nil { // since it was retired by hand, for example
			f.report(err)
		}
	}
}

func (f *KeyFile) promote(now time.Time) error {
	if err := f.rotation.promote(now); err != nil {
		return err
	}
	f.log(slog.LevelInfo, "token signing key replaced", slog.Any("signing", f.signing()))
	return nil
}

func (f *KeyFile) signing() *Key { return f.set.current.Load().signing }

func (f *KeyFile) logPending(key *Key, at time.Time) {
	for _, warning := range key.Warnings() {
		f.log(slog.LevelWarn, "token signing key: "+warning, slog.Any("key", key))
	}
	if at.IsZero() {
		f.log(slog.LevelWarn, "new token signing key waits to be promoted: registries that read keys at start do not know it", slog.Any("key", key))
		return
	}
	f.log(slog.LevelInfo, "new token signing key published", slog.Any("key", key), slog.Time("signs", at))
}

// report logs an error, once for all attempts at one change.
func (f *KeyFile) report(err error) {
	before := f.err.Load()
	if err == nil {
		f.err.Store(nil)
		return
	}
	f.err.Store(&err)
	if f.judged || before == nil || (*before).Error() != err.Error() {
		f.log(slog.LevelError, "token signing key not replaced, the earlier one remains", slog.Any("error", err))
	}
}

func (f *KeyFile) log(level slog.Level, message string, attr ...slog.Attr) {
	logger := f.config.Logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(context.Background(), level, message, append([]slog.Attr{slog.String("file", f.keyFile)}, attr...)...)
}
