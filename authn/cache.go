package authn

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// CacheConfig says how much [Cache] remembers, and for how long. The zero value is a good choice.
type CacheConfig struct {
	// TTL is how long after a password check its success is remembered. The default is one minute.
	TTL time.Duration
	// MaxEntries bounds what is remembered; the entry that was not used for the longest time goes first. If it is more than
	// 1000 that is so about: an entry stays at least until half as many others were used after it. The default is 10 000.
	MaxEntries int
	// Now is the clock, which tests replace. It is called concurrently. The default is time.Now.
	Now func() time.Time
}

const (
	defaultCacheTTL        = time.Minute
	defaultCacheMaxEntries = 10_000
)

// Cache returns an authenticator that asks a, and for a short time remembers which user names and passwords were right. Clients
// of registries send the password with every token request, and checking it is slow on purpose.
//
// Only success is remembered: a wrong password always pays for a check. Nothing remembered can be turned back into a password;
// the key is an HMAC-SHA-256 of user name and password under a random key that this process alone has.
//
// a sees nothing of a request but user name and password, so that its answer cannot depend on the rest, an address for example,
// and then be remembered for somebody else. A source that has to see the rest belongs in front of the Cache and not in it.
// Requests without a user name go to a unchanged, and nothing is remembered of them.
//
// When a is a [Directory], a remembered subject is looked up before it is returned. So labels are as they are now, and a user
// who was removed, disabled or given another password since is not let in: the remembered check is dropped and another made.
// A lookup that is broken is an error, as a broken check is. When the lookup is not supported, what is remembered holds for TTL.
//
// Checks of the same credentials at the same time run once, and all get the answer. The check belongs to the request that came
// first: when that one's context ends, another takes over; when it panics, the others get an error. None waits longer than its
// own context lasts. Who shares a check depends on the presented credentials alone, and so tells nothing about the user. Those
// whose password is remembered wait for nobody.
//
// The Cache is a Directory; it finds what a finds, and remembers nothing of it.
func Cache(a Authenticator, cfg CacheConfig) Authenticator {
	if cfg.TTL <= 0 {
		cfg.TTL = defaultCacheTTL
	}
	if cfg.MaxEntries <= 0 {
		cfg.MaxEntries = defaultCacheMaxEntries
	}
	return &cache{
		source:  a,
		mac:     newMACs(""),
		proven:  newProofs(cfg.TTL, cfg.MaxEntries, cfg.Now),
		flights: make(map[proofKey]*flight),
	}
}

type cache struct {
	source Authenticator
	mac    *macs
	proven *proofs // changed under the lock, and read without

	mu      sync.Mutex
	flights map[proofKey]*flight
}

var (
	_ Authenticator = (*cache)(nil)
	_ Directory     = (*cache)(nil)
)

func (c *cache) Lookup(ctx context.Context, name string) (Subject, error) {
	return Lookup(ctx, c.source, name)
}

func (c *cache) Authenticate(ctx context.Context, r Request) (Subject, error) {
	if r.Username == "" {
		return c.source.Authenticate(ctx, r)
	}
	key := c.mac.sum(macCredentials, r.Username, string(r.Password))
	for {
		known, shared, own := c.enter(key)
		var subject Subject
		var err error
		switch {
		case known != nil:
			subject, err = c.confirm(ctx, key, known)
		case shared != nil:
			subject, err = shared.wait(ctx)
		default:
			return c.fly(ctx, own, Request{Username: r.Username, Password: r.Password})
		}
		if !errors.Is(err, errStartAnew) {
			return subject, err
		}
	}
}

// errStartAnew means that what was remembered, or the check of another request, came to nothing.
var errStartAnew = errors.New("authn: start anew")

// enter returns one of three: the proof that is remembered, the check that another request is making, or one to make. Only those
// who find no proof take the lock, and look again: the check may have ended meanwhile.
func (c *cache) enter(key proofKey) (known *proof, shared, own *flight) {
	if known := c.proven.get(key); known != nil {
		return known, nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.proven.advance()
	if known := c.proven.get(key); known != nil {
		return known, nil, nil
	}
	if shared := c.flights[key]; shared != nil {
		return nil, shared, nil
	}
	own = &flight{key: key, begun: now, landed: make(chan struct{})}
	c.flights[key] = own
	return nil, nil, own
}

// confirm returns the subject of a proof as it is now.
func (c *cache) confirm(ctx context.Context, key proofKey, known *proof) (Subject, error) {
	subject, err := Confirm(ctx, c.source, known.subject)
	switch {
	case errors.Is(err, ErrNoLookup):
		return known.subject, nil
	case errors.Is(err, ErrNoMatch), errors.Is(err, ErrRejected):
		c.mu.Lock()
		defer c.mu.Unlock()
		c.proven.drop(key, known)
		return Subject{}, errStartAnew
	case err != nil:
		return Subject{}, fmt.Errorf("look up %+q, whose password is remembered: %w", known.subject.Name, err)
	}
	return subject, nil
}
