// Package throttle slows down password guessing: it refuses logins after too many failures.
//
//	users := throttle.New(authn.Cache(source, authn.CacheConfig{}), throttle.Config{})
//
// It belongs in front of everything else, the cache too. A refused login is an [*Error], which the
// token server answers with 429 and Retry-After. Behind a proxy, RemoteAddr must be the address of
// the client, or all clients share one count. Logins without a user name pass through unchanged.
//
// # Rules
//
// Failures are counted for each pair of an account and a network, and for each network. A network
// is an IPv4 address or an IPv6 /64; of IPv6, the /56 and the /48 are counted too, with 4 and 16
// times as many free failures. After 10 failures of a pair or 100 of a network, the next login
// waits one second, and the wait doubles with each further failure, up to 15 minutes. A count is
// forgotten after 15 minutes without a failure. A pair with an unknown address has no network.
//
// An account is the name that an [authn.Directory] returns for the typed one, or else the typed
// one. Case and surrounding white space make no difference, so all spellings share a count.
//
// A login fails when the source answers [authn.ErrRejected] or [authn.ErrNoMatch], and when the
// client hangs up while the source is asked. Other errors count nothing. Refused logins do not
// reach the source. The same wrong credentials within a second are one failure, and the source is
// asked once: some clients repeat a POST as a GET.
//
// Logins under way count as failures for others, so parallel guesses get no further. Identical ones
// share one call of the source. Of different ones, a network has at most half of GOMAXPROCS checked
// at once, and at least two. Others wait for two seconds and are then refused.
//
// Right credentials are not locked out: for 24 hours after a success, they pass from the same
// network whatever is counted. A stranger there could use this to test guesses while it is refused.
// So after 1000 guesses within 15 minutes, the right credentials wait too. A success with other
// credentials than the last clears the failures of the pair. Nothing clears those of a network.
//
// An answer without a check takes one second, for up to 1000 at once: most floods wait for each
// response before sending the next request.
//
// # Replicas and reloads
//
// Set Store and Key to keep counts when a configuration is reloaded, or to share them between
// replicas. When the Store is broken or slow, a process counts in memory for five seconds.
package throttle

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/internal/call"
	"github.com/berthpass/registry-auth/internal/lru"
	"github.com/berthpass/registry-auth/internal/secret"
)

// Config sets the rules. The zero value is a good choice for one process.
type Config struct {
	// Pair is the rule for one account and one network, and Network that for all accounts.
	Pair, Network Rule
	// ChecksPerNetwork is how many different logins of one network are checked at once, so that
	// none fills the queue for hashes. The default is half of GOMAXPROCS, and at least 2.
	ChecksPerNetwork int
	// RefusalDelay is the least time that an answer without a check takes. The default is one
	// second; if it is negative, there is no delay.
	RefusalDelay time.Duration
	// Store keeps the counts. The default is a new [NewMemoryStore].
	Store Store
	// Key is the secret of the hashes in the Store, 32 random bytes. All that share a Store need
	// the same one. It is required with a Store; the default without is random.
	Key authn.Secret
	// Logger logs when the Store breaks and when it works again. The default is slog.Default().
	Logger *slog.Logger
}

// New returns an authenticator that asks source, and refuses logins with an [*Error] after too many
// failures. It has the abilities of source, such as [authn.Directory]. New panics if source is nil,
// and if there is a Store without a Key.
func New(source authn.Authenticator, config Config) authn.Authenticator {
	if source == nil {
		panic("new throttle: the authenticator is nil")
	}
	if config.Store != nil && config.Key == "" {
		panic("new throttle: a Store requires a Key")
	}
	checks := max(2, runtime.GOMAXPROCS(0)/2)
	config.ChecksPerNetwork = cmp.Or(max(0, config.ChecksPerNetwork), checks)
	config.RefusalDelay = cmp.Or(config.RefusalDelay, time.Second)
	config.Logger = cmp.Or(config.Logger, slog.Default())
	directory, _ := source.(authn.Directory)
	t := &throttle{
		source: source, config: config,
		counts: fallback{config: config, memory: NewMemoryStore(0), created: time.Now()},
		keys: keyring{
			mac:       secret.NewMAC(config.Key),
			directory: directory,
			known:     lru.New[origin, knownKeys](10_000),
			rules: []Rule{
				config.Pair.withDefaults(10, 1), config.Network.withDefaults(100, 1),
				config.Network.withDefaults(100, 4), config.Network.withDefaults(100, 16),
			},
		},
		asking:  lru.New[[16]byte, int](100_000),
		checks:  lru.New[[16]byte, chan struct{}](10_000),
		guesses: lru.New[[16]byte, guesses](10_000),
		delayed: make(chan struct{}, 1000),
	}
	return authn.Decorate(source, t.authenticate)
}

type throttle struct {
	source  authn.Authenticator
	config  Config
	counts  fallback
	keys    keyring
	calls   call.Group[identity, *attempt]
	asking  *lru.Cache[[16]byte, int]           // attempts by key
	checks  *lru.Cache[[16]byte, chan struct{}] // semaphores by network
	guesses *lru.Cache[[16]byte, guesses]       // by pair
	delayed chan struct{}
}

func (t *throttle) authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	if r.Username == "" {
		return t.source.Authenticate(ctx, r)
	}
	arrived, id := time.Now(), t.keys.identify(r)
	a, err := t.calls.Do(ctx, id, func() (*attempt, bool) {
		a := &attempt{request: r, proof: [8]byte(id.credentials[:])}
		a.keys = t.keys.find(ctx, id, r.RemoteAddr)
		t.login(ctx, a)
		return a, a.unchecked && ctx.Err() != nil
	})
	if err != nil {
		return authn.Subject{}, err
	}
	if a.unchecked {
		t.delay(ctx, arrived)
	}
	return a.subject, a.err
}

// An attempt is one login, or several identical ones.
type attempt struct {
	request authn.Request
	proof   [8]byte // of the credentials
	keys    []Key   // of the pair, and of the networks
	pair    Count
	right   bool // the credentials were right for the pair lately

	subject   authn.Subject
	err       error
	unchecked bool // the source did not say whether the credentials are right
}

const rightFor = 24 * time.Hour

// login asks the source, unless the attempt is refused.
func (t *throttle) login(ctx context.Context, a *attempt) {
	a.err, a.unchecked = t.refusal(ctx, a, make([]int, len(a.keys))), true
	if a.pair.Right != [8]byte{} && time.Since(a.pair.RightAt) < rightFor {
		a.right = t.compare(a)
	}
	if a.err == nil && !a.right {
		var release func()
		if release, a.err = t.acquire(ctx, a.keys[1:]); a.err == nil {
			defer release()
			asking, end := t.begin(a.keys) // those that only wait are no guesses yet
			defer end()
			a.err = t.refusal(ctx, a, asking)
		}
	}
	if a.err == nil || a.right {
		t.ask(ctx, a)
	}
}

// refusal returns why an attempt is not made while others are being made for its keys, or nil.
func (t *throttle) refusal(ctx context.Context, a *attempt, asking []int) error {
	var counts []Count
	err := t.counts.do(ctx, func(ctx context.Context, s Store) (err error) {
		if counts, err = s.Look(ctx, a.keys); err == nil && len(counts) != len(a.keys) {
			return errors.New("the store returned not as many counts as keys")
		}
		return err
	})
	if err = cmp.Or(err, ctx.Err()); err != nil {
		return fmt.Errorf("look up failed logins: %w", err)
	}
	now, wait := time.Now(), time.Duration(0)
	for i, c := range counts {
		wait = max(wait, t.keys.rules[i].wait(c, asking[i], now))
	}
	a.pair = counts[0]
	switch repeated := a.pair.Wrong == a.proof && now.Sub(a.pair.Last).Abs() < time.Second; {
	case repeated && a.pair.NoMatch: // a Chain around the throttle asks the next source
		return fmt.Errorf("%w: as for the same credentials a moment ago", authn.ErrNoMatch)
	case repeated:
		return fmt.Errorf("%w: as the same ones were a moment ago", authn.ErrRejected)
	case wait > 0:
		return &Error{RetryAfter: max(wait, time.Second)}
	}
	return nil
}

// ask asks the source and counts the result.
func (t *throttle) ask(ctx context.Context, a *attempt) {
	a.subject, a.err = t.source.Authenticate(ctx, a.request)
	noMatch := errors.Is(a.err, authn.ErrNoMatch)
	a.unchecked = a.err != nil && !noMatch && !errors.Is(a.err, authn.ErrRejected)
	switch {
	case a.unchecked:
		if ctx.Err() != nil && !a.right { // the client hung up, but may have made a guess
			t.fail(ctx, Failure{Keys: a.keys})
		}
	case a.err != nil:
		t.fail(ctx, Failure{Keys: a.keys, Proof: a.proof, NoMatch: noMatch})
	case a.subject.Anonymous(), a.right && time.Since(a.pair.RightAt) < time.Minute:
		// Remembered logins only read the store.
	default:
		now := time.Now().Truncate(time.Microsecond)
		_ = t.counts.do(context.WithoutCancel(ctx), func(ctx context.Context, s Store) error {
			return s.Succeed(ctx, a.keys[0], a.proof, now, rightFor)
		})
	}
}

// fail counts a failure, even when the client has hung up.
func (t *throttle) fail(ctx context.Context, f Failure) {
	_, _ = rand.Read(f.ID[:]) // never fails
	f.At = time.Now().Truncate(time.Microsecond)
	_ = t.counts.do(context.WithoutCancel(ctx), func(ctx context.Context, s Store) error {
		return s.Fail(ctx, f)
	})
}
