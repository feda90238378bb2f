// Package throttle slows down password guessing: it refuses logins after too many failures.
//
//	users := throttle.New(authn.Cache(source, authn.CacheConfig{}), throttle.Config{})
//
// It belongs in front of all sources of passwords, the cache too. A refused login is an [*Error],
// which the server answers with 429 and Retry-After. Behind a proxy, RemoteAddr must be the
// client's address, or all share one count; no client may forge it. Requests without a user name,
// such as those with Other, are not limited: sessions and bearer tokens are too long to guess.
//
// So are API keys and personal tokens. Ask for them in front of the throttle, which then never
// refuses one. Only an unknown token goes on, and counts as a wrong password:
//
//	users := authn.Chain(tokens, throttle.New(authn.Cache(people, …), throttle.Config{}))
//
// Behind the throttle, tokens with one user name, such as "token", share a count in each network:
// somebody's 10 wrong ones refuse right ones of the same network. An [authn.AccountFinder] gives
// each account its own count, but 100 wrong ones still refuse all of their network.
//
// # Rules
//
// Failures are counted for each pair of an account and a network, and for each network; not for an
// account, which anyone could then lock. A network is an IPv4 address or an IPv6 /64; of IPv6, the
// /56 and the /48 are counted too, with 4 and 16 times as many free failures. Logins from unknown
// addresses are counted by account only, so one of them can lock it for the others. After 10
// failures of a pair or 100 of a network, logins are refused for one second, and for twice as long
// after each further failure, up to 15 minutes. Failures are forgotten 15 minutes after the last.
// Refused logins do not count.
//
// An account is what the source returns as an [authn.AccountFinder], or for the typed name as an
// [authn.Directory], asked before any refusal, at most every 10 seconds for a name and network; or
// else the typed name. Case and surrounding white space make no difference.
//
// Failures are [authn.ErrRejected], [authn.ErrNoMatch], and a context that is canceled while the
// source is asked: the client hung up. Other errors, as a deadline, do not count. Wrong credentials
// repeated within a second are checked and counted once: some clients repeat a POST as a GET.
//
// Logins under way count as failures for others, so parallel guessing gains nothing. In a network,
// [Config].ChecksPerNetwork are checked at once, identical ones one by one until they were right.
// Others wait up to two seconds and are then refused. No result is shared; the cache does that.
//
// Right credentials are not locked out: for 24 hours after a success of a pair, the source still
// checks the last four that were right, each for one service, whatever is counted. That lets others
// in the network test up to 1000 guesses in 15 minutes; after that, right credentials are refused
// too. A success with none of the four clears the pair's failures. No success clears a network's.
//
// Each process counts guesses and logins under way for itself, and from zero after New. Answers
// without a check take a second, up to 1000 at once: most attackers wait for each answer.
package throttle

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/internal/lru"
	"github.com/berthpass/registry-auth/internal/secret"
)

// Config sets the rules. The zero value suits one process.
type Config struct {
	// Pair is the rule for an account in a network, and Network for the network alone.
	Pair, Network Rule
	// ChecksPerNetwork is how many logins of one network are checked at once, by default half of
	// GOMAXPROCS but at least two.
	ChecksPerNetwork int
	// RefusalDelay is the least time that an answer without a check takes, by default one second.
	// If it is negative, there is no delay.
	RefusalDelay time.Duration
	// Store keeps the counts. Set it to share them between replicas, or to keep them in a reload.
	// When it fails or takes half a second, a process counts in memory, and every five seconds
	// tries a write again. The default is a new [NewMemoryStore].
	Store Store
	// Key is the secret of the hashes in the Store: at least 32 random bytes, the same for all that
	// share a Store. Keep it elsewhere: with both, passwords can be guessed offline. Without a
	// Store, the default is random.
	Key authn.Secret
	// Logger logs when the Store fails and works again. The default is slog.Default().
	Logger *slog.Logger
}

// New returns an authenticator that asks source, and refuses logins with an [*Error] after too many
// failures. It has the optional abilities of source. New panics if source is nil, a Store has no
// Key, or the Key is too short.
func New(source authn.Authenticator, config Config) authn.Authenticator {
	if source == nil {
		panic("new throttle: the authenticator is nil")
	}
	if n := len(config.Key); n < 32 && (n > 0 || config.Store != nil) {
		panic("new throttle: the Key is missing or shorter than 32 bytes")
	}
	checks := max(2, runtime.GOMAXPROCS(0)/2)
	config.ChecksPerNetwork = cmp.Or(max(0, config.ChecksPerNetwork), checks)
	config.RefusalDelay = max(-1, cmp.Or(config.RefusalDelay, time.Second))
	config.Logger = cmp.Or(config.Logger, slog.Default())
	t := &throttle{
		source: source,
		config: config,
		counts: fallback{config: config, memory: NewMemoryStore(0)},
		mac:    secret.NewMAC(config.Key),
		rules: []Rule{
			config.Pair.withDefaults(10, 1), config.Network.withDefaults(100, 1),
			config.Network.withDefaults(100, 4), config.Network.withDefaults(100, 16),
		},
		known:    lru.New[authn.Request, knownKeys](10_000),
		underWay: make(map[[16]byte]int),
		checks:   lru.New[[16]byte, chan struct{}](10_000),
		delayed:  make(chan struct{}, 1000),
	}
	return authn.Decorate(source, t.authenticate)
}

type throttle struct {
	source  authn.Authenticator
	config  Config
	counts  fallback
	mac     secret.MAC
	rules   []Rule                               // in the order of keys
	known   *lru.Cache[authn.Request, knownKeys] // by name and network
	checks  *lru.Cache[[16]byte, chan struct{}]  // semaphores by network and by identity
	delayed chan struct{}

	mu           sync.Mutex
	underWay     map[[16]byte]int     // checks by key
	guesses      map[[16]byte]guesses // by pair, since guessesSince
	guessesSince time.Time
}

func (t *throttle) authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	if r.Username == "" {
		return t.source.Authenticate(ctx, r)
	}
	arrived := time.Now()
	subject, answered, err := t.login(ctx, r)
	if wait := t.config.RefusalDelay - time.Since(arrived); wait > 0 && !answered {
		select { // each one that is delayed keeps a goroutine and a connection
		case t.delayed <- struct{}{}:
			delay, cancel := context.WithTimeout(ctx, wait)
			<-delay.Done()
			cancel()
			<-t.delayed
		default:
		}
	}
	return subject, err
}

// An attempt is a login for which the source may be asked.
type attempt struct {
	request  authn.Request
	keys     []Key     // of the pair, and of the networks
	proof    [8]byte   // of the credentials for this pair and service
	identity [16]byte  // the same for identical logins only
	others   []int     // under way for each key
	rightAt  time.Time // when the credentials were right lately, or zero
}

// login asks the source, unless the login is refused. It reports whether the source said if the
// credentials are right.
func (t *throttle) login(ctx context.Context, r authn.Request) (authn.Subject, bool, error) {
	a := &attempt{request: r, keys: t.keys(ctx, r)}
	pair := string(a.keys[0].Hash[:])
	sum := t.mac.Sum("credentials", pair, r.Service, r.Username, string(r.Password))
	a.proof, a.identity, a.others = [8]byte(sum[:]), [16]byte(sum[16:]), make([]int, len(a.keys))
	err := t.admit(ctx, a)
	if err == nil && a.rightAt.IsZero() {
		release, busy := t.acquire(ctx, a)
		defer release()
		if err = busy; err == nil {
			err = t.admit(ctx, a)
		}
		if !a.rightAt.IsZero() {
			release() // an identical login was right meanwhile
		}
	}
	if err != nil {
		return authn.Subject{}, false, err
	}
	return t.ask(ctx, a)
}

// admit refuses an attempt after too many failures, or sets rightAt.
func (t *throttle) admit(ctx context.Context, a *attempt) error {
	var counts []Count
	err := t.counts.do(ctx, false, func(ctx context.Context, s Store) (err error) {
		if counts, err = s.Look(ctx, a.keys); err == nil && len(counts) != len(a.keys) {
			return errors.New("the store did not return one count for each key")
		}
		return err
	})
	if err = cmp.Or(err, ctx.Err()); err != nil {
		return fmt.Errorf("look up failed logins: %w", err)
	}
	pair, now, wait := counts[0], time.Now(), time.Duration(0)
	for i, c := range counts {
		wait = max(wait, t.rules[i].wait(c, a.others[i], now))
	}
	switch repeated := pair.Wrong == a.proof && now.Sub(pair.Last).Abs() < time.Second; {
	case t.wasRight(a, pair, now):
		a.rightAt = pair.RightAt
	case repeated && pair.NoMatch: // a Chain around the throttle asks the next source
		return fmt.Errorf("%w: as for the same credentials a moment ago", authn.ErrNoMatch)
	case repeated:
		return fmt.Errorf("%w: as the same ones were a moment ago", authn.ErrRejected)
	case wait > 0:
		return &Error{RetryAfter: max(wait, time.Second)}
	}
	return nil
}

const rightFor = 24 * time.Hour

// guesses are different logins that were compared with the right credentials of a pair.
type guesses struct {
	number int
	last   [8]byte
}

// wasRight reports whether the credentials were right lately, and few others were compared with
// them. A program that repeats an old password makes one guess. Numbers are not evicted, or logins
// to an attacker's own account would make room for more guesses.
func (t *throttle) wasRight(a *attempt, pair Count, now time.Time) bool {
	if pair.Right[0] == [8]byte{} || now.Sub(pair.RightAt) >= rightFor {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.guessesSince).Abs() >= 15*time.Minute {
		t.guesses, t.guessesSince = make(map[[16]byte]guesses), now
	}
	g, counted := t.guesses[a.keys[0].Hash]
	full := !counted && len(t.guesses) >= 100_000
	matches := slices.Contains(pair.Right[:], a.proof)
	if !matches && g.last != a.proof && !full {
		t.guesses[a.keys[0].Hash] = guesses{g.number + 1, a.proof}
	}
	return matches && g.number <= 1000 && !full
}

// ask asks the source and counts the result.
func (t *throttle) ask(ctx context.Context, a *attempt) (authn.Subject, bool, error) {
	subject, err := t.source.Authenticate(ctx, a.request)
	noMatch := errors.Is(err, authn.ErrNoMatch)
	wrong := noMatch || errors.Is(err, authn.ErrRejected)
	// A client that hangs up may have made a guess. A deadline is the server's own.
	hungUp := err != nil && errors.Is(ctx.Err(), context.Canceled) && a.rightAt.IsZero()
	now := time.Now().Truncate(time.Microsecond)
	ctx = context.WithoutCancel(ctx)
	switch {
	case wrong || hungUp:
		f := Failure{Keys: a.keys, At: now, NoMatch: noMatch}
		_, _ = rand.Read(f.ID[:]) // never fails
		if wrong {
			f.Proof = a.proof
		}
		_ = t.counts.do(ctx, true, func(c context.Context, s Store) error { return s.Fail(c, f) })
	case err == nil && !subject.Anonymous() && now.Sub(a.rightAt) >= time.Minute:
		_ = t.counts.do(ctx, true, func(ctx context.Context, s Store) error {
			return s.Succeed(ctx, a.keys[0], a.proof, now, rightFor)
		})
	}
	return subject, wrong || err == nil, err
}

// acquire waits while an identical login is checked, or too many of the smallest network, or of the
// pair without one. It waits for as long as package password lets a check wait.
func (t *throttle) acquire(ctx context.Context, a *attempt) (release func(), err error) {
	free, timeout := func() {}, time.After(2*time.Second)
	for i, key := range [][16]byte{a.identity, a.keys[min(1, len(a.keys)-1)].Hash} {
		semaphore := t.checks.Update(key, func(s chan struct{}) chan struct{} {
			return cmp.Or(s, make(chan struct{}, []int{1, t.config.ChecksPerNetwork}[i]))
		})
		select {
		case semaphore <- struct{}{}:
			others := free
			free = func() { <-semaphore; others() }
		case <-timeout:
			return free, &Error{RetryAfter: time.Second}
		case <-ctx.Done():
			return free, fmt.Errorf("wait for other logins: %w", ctx.Err())
		}
	}
	a.others = t.track(a.keys, 1) // those that only wait are no guesses yet
	return sync.OnceFunc(func() { t.track(a.keys, -1); free() }), nil
}

// track adds change to the number of checks under way for each key. It returns the numbers before.
func (t *throttle) track(keys []Key, change int) (before []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range keys {
		before = append(before, t.underWay[key.Hash])
		if t.underWay[key.Hash] += change; t.underWay[key.Hash] == 0 {
			delete(t.underWay, key.Hash)
		}
	}
	return before
}
