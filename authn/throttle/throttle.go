package throttle

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/internal/lru"
	"github.com/berthpass/registry-auth/internal/secret"
)

// Config sets the rules. The zero value is a good choice for one process.
type Config struct {
	// Pair is the rule for the failures of one account from one network. By default, 10 are free.
	Pair Rule
	// Network is the rule for all failures from one network. By default, 100 are free.
	Network Rule
	// ChecksPerNetwork is how many different logins of one network are checked at once, so that
	// one network cannot fill the queue for password hashes. The default is half of GOMAXPROCS,
	// and at least 2.
	ChecksPerNetwork int
	// RefusalDelay is the least time that an answer takes for which nothing was checked. The
	// default is one second. If it is negative, there is no delay.
	RefusalDelay time.Duration
	// MaxEntries bounds the counts in the memory of this process, of about 300 bytes each. The
	// default is 100 000. A Store has its own bound.
	MaxEntries int
	// Store keeps the counts. The default is memory that ends with the throttle.
	Store Store
	// Key is the secret for the hashes of accounts, networks and credentials, 32 random bytes. All
	// that share a Store need the same one, and it must not be kept in the Store. The default is
	// random, but a Store requires a Key.
	Key authn.Secret
	// Logger logs when the Store breaks and when it works again. The default is slog.Default().
	Logger *slog.Logger
}

const (
	repeatWindow = time.Second    // for the same wrong credentials to be one failure
	rightFor     = 24 * time.Hour // for right credentials to pass
	// rightRefresh is how old RightAt may become, so that a remembered login only reads a Store.
	rightRefresh = time.Minute
	// maxRefused bounds the guesses that a stranger can compare with the right credentials.
	maxRefused = 1000
)

// New returns an authenticator that asks source, and refuses logins with an [*Error] after too many
// failures. It has the abilities of source, such as [authn.Directory]. It panics if source is nil,
// or if there is a Store without a Key.
func New(source authn.Authenticator, config Config) authn.Authenticator {
	if source == nil {
		panic("new throttle: the authenticator is nil")
	}
	if config.Store != nil && config.Key == "" {
		panic("new throttle: a Store requires a Key")
	}
	if config.ChecksPerNetwork <= 0 {
		config.ChecksPerNetwork = max(2, runtime.GOMAXPROCS(0)/2)
	}
	if config.RefusalDelay == 0 {
		config.RefusalDelay = time.Second
	}
	network := config.Network.withDefaults(100)
	directory, _ := source.(authn.Directory)
	t := &throttle{
		source: source,
		keys: &keyring{
			mac:       secret.NewMAC(config.Key),
			rules:     []Rule{config.Pair.withDefaults(10), network, network.times(4), network.times(16)},
			directory: directory,
			accounts:  lru.New[string, account](maxAccounts),
		},
		counts: &fallback{
			store: config.Store, memory: NewMemoryStore(config.MaxEntries), logger: config.Logger,
		},
		calls:  calls{underWay: make(map[callKey]*call)},
		begun:  tally{counts: make(map[[16]byte]int)},
		asking: tally{counts: make(map[[16]byte]int)},
		checks: semaphores{size: config.ChecksPerNetwork, used: make(map[[16]byte]*semaphore)},
		delay:  newDelay(config.RefusalDelay),
	}
	return authn.Decorate(source, t.authenticate)
}

type throttle struct {
	source authn.Authenticator
	keys   *keyring
	counts *fallback
	calls  calls
	begun  tally // logins under way
	asking tally // logins about which the source is being asked
	checks semaphores
	delay  *delay
}

func (t *throttle) authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	if r.Username == "" {
		return t.source.Authenticate(ctx, r)
	}
	arrived := time.Now()
	key := t.keys.call(r)
	result := t.calls.share(ctx, key, func() result {
		return t.login(ctx, r, [8]byte(key.credentials[:]))
	})
	if result.unchecked {
		t.delay.until(ctx, arrived)
	}
	return result.subject, result.err
}

// A result is the answer to a login. It is unchecked if nobody said whether the credentials are
// right.
type result struct {
	subject   authn.Subject
	err       error
	unchecked bool
}

// An attempt is one login that no other shares.
type attempt struct {
	request authn.Request
	keys    []Key   // of the pair, and of its networks
	proof   [8]byte // of the credentials
	pair    Count
	right   bool // whether the pair had the same credentials lately
}

// login decides about an attempt and asks the source.
func (t *throttle) login(ctx context.Context, r authn.Request, proof [8]byte) result {
	a := &attempt{request: r, proof: proof, keys: t.keys.counts(ctx, r)}
	begun := t.begun.add(a.keys[:1])
	defer t.begun.remove(a.keys[:1])
	err := t.screen(ctx, a, make([]int, len(a.keys)))
	lately := a.pair.Right != [8]byte{} && time.Since(a.pair.RightAt) < rightFor
	a.right = lately && a.pair.Right == a.proof && a.pair.Failures+begun[0] <= maxRefused
	if a.right {
		return t.ask(ctx, a)
	}
	if err == nil {
		// Nothing was reserved so far: those that wait for a check are no guesses yet.
		var release func()
		if release, err = t.checks.acquire(ctx, a.keys[1:]); err == nil {
			defer release()
			asking := t.asking.add(a.keys)
			defer t.asking.remove(a.keys)
			err = t.screen(ctx, a, asking)
		}
	}
	if err == nil {
		return t.ask(ctx, a)
	}
	if refused := (*Error)(nil); lately && errors.As(err, &refused) {
		t.fail(ctx, a.keys[:1], Failure{Refused: true})
	}
	return result{err: err, unchecked: true}
}

// screen returns the reason for which an attempt is not made, given for each of its keys how many
// others are being made.
func (t *throttle) screen(ctx context.Context, a *attempt, asking []int) error {
	counts, err := t.counts.look(ctx, a.keys)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("look up failed logins: %w", err)
	}
	now := time.Now()
	a.pair = counts[0]
	if a.pair.Wrong == a.proof && now.Sub(a.pair.Last).Abs() < repeatWindow {
		reason := authn.ErrRejected
		if a.pair.NoMatch {
			reason = authn.ErrNoMatch // a Chain around the throttle asks the next source
		}
		return fmt.Errorf("%w: the same credentials failed a moment ago", reason)
	}
	var wait time.Duration
	for i, c := range counts {
		wait = max(wait, t.keys.rules[i].wait(c, asking[i], now))
	}
	if wait > 0 {
		return &Error{RetryAfter: max(wait, time.Second)}
	}
	return nil
}

// ask asks the source and counts the result.
func (t *throttle) ask(ctx context.Context, a *attempt) result {
	subject, err := t.source.Authenticate(ctx, a.request)
	noMatch := errors.Is(err, authn.ErrNoMatch)
	switch {
	case err == nil && !subject.Anonymous():
		if !a.right || time.Since(a.pair.RightAt) >= rightRefresh {
			t.counts.succeed(ctx, a.keys[0], a.proof)
		}
	case noMatch, errors.Is(err, authn.ErrRejected):
		t.fail(ctx, a.keys, Failure{Proof: a.proof, NoMatch: noMatch})
	case err != nil && ctx.Err() != nil && !a.right:
		t.fail(ctx, a.keys, Failure{}) // the client hung up, but has made a guess
		return result{subject, err, true}
	default:
		return result{subject, err, err != nil}
	}
	return result{subject: subject, err: err}
}

func (t *throttle) fail(ctx context.Context, keys []Key, failure Failure) {
	_, _ = rand.Read(failure.ID[:]) // never fails
	failure.Keys, failure.At = keys, time.Now().Truncate(time.Microsecond)
	t.counts.fail(ctx, failure)
}
