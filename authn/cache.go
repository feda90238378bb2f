package authn

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/berthpass/registry-auth/internal/lru"
	"github.com/berthpass/registry-auth/internal/secret"
)

// CacheConfig configures [Cache]. The zero value is a good choice.
type CacheConfig struct {
	// TTL is how long a successful login is remembered, from the beginning of its check. Using it
	// does not prolong it. The default is one minute.
	TTL time.Duration
	// MaxEntries bounds the cache, which evicts the least recently used. The default is 10 000.
	MaxEntries int
}

// Cache returns an authenticator that remembers the successful logins of a for a short time.
// Registry clients send the password with every token request, and checking it is slow on purpose.
//
// Only success is remembered, under an HMAC-SHA-256 of user name and password with a random key. A
// wrong password always costs a check. Concurrent requests with the same credentials share one.
//
// The cache calls [Confirm] before it returns a remembered subject. So labels are up to date, and
// a user that was removed, disabled or given a new password is checked again at once. When the
// source is down, so is the login. A subject that could not be confirmed right after its login,
// since its source has no means to, is remembered unchanged for TTL.
//
// a sees only the user name and the password, since a result that depends on more, such as the
// address, must not be reused. A source that needs more belongs in front of the cache. Requests
// without a user name pass through and are not remembered.
//
// The result is a [Directory] and a [Confirmer] if a is. Cache panics if a is nil.
func Cache(a Authenticator, config CacheConfig) Authenticator {
	if a == nil {
		panic("authn.Cache: the authenticator is nil")
	}
	size := cmp.Or(max(0, config.MaxEntries), 10_000)
	c := &cache{
		source:  a,
		ttl:     cmp.Or(max(0, config.TTL), time.Minute),
		mac:     secret.NewMAC(""),
		logins:  lru.New[credentials, *call](size),
		running: make(map[credentials]*call),
	}
	return Decorate(a, c.authenticate)
}

type cache struct {
	source Authenticator
	ttl    time.Duration
	mac    secret.MAC
	logins *lru.Cache[credentials, *call]

	mu      sync.Mutex
	running map[credentials]*call
}

// credentials is the hash of a user name and a password.
type credentials [sha256.Size]byte

// A call is a check of credentials. The fields after done are set before done is closed.
type call struct {
	began       time.Time
	done        chan struct{}
	subject     Subject
	err         error
	abandoned   bool // its request has ended, so err says nothing about the credentials
	remembered  bool
	confirmable bool
}

func (c *cache) authenticate(ctx context.Context, r Request) (Subject, error) {
	if r.Username == "" {
		return c.source.Authenticate(ctx, r)
	}
	key := credentials(c.mac.Sum(r.Username, string(r.Password)))
	for {
		found, own := c.find(key)
		if own {
			c.check(ctx, key, found, Request{Username: r.Username, Password: r.Password})
			return found.subject, found.err
		}
		select {
		case <-found.done:
		case <-ctx.Done():
			return Subject{}, fmt.Errorf("wait for a check of the same credentials: %w", ctx.Err())
		}
		if found.abandoned {
			continue
		}
		if !found.remembered {
			return found.subject, found.err
		}
		if subject, err := c.confirm(ctx, found); !refused(err) {
			return subject, err
		}
		c.logins.Remove(key, func(current *call) bool { return current == found })
	}
}

// find returns the call that is remembered or running, or else a new one for the caller to make.
func (c *cache) find(key credentials) (found *call, own bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found, ok := c.logins.Get(key); ok && time.Since(found.began) < c.ttl {
		return found, false
	}
	if found := c.running[key]; found != nil {
		return found, false
	}
	c.running[key] = &call{began: time.Now(), done: make(chan struct{})}
	return c.running[key], true
}

// check makes a call and remembers its success.
func (c *cache) check(ctx context.Context, key credentials, made *call, r Request) {
	made.err = errors.New("the check of the same credentials in another request panicked")
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.running, key)
		if made.remembered {
			c.logins.Add(key, made)
		}
		close(made.done)
	}()
	subject, err := c.source.Authenticate(ctx, r)
	if err == nil && !subject.Anonymous() {
		_, failed := Confirm(ctx, c.source, subject)
		made.confirmable = failed == nil
		made.remembered = failed == nil || errors.Is(failed, ErrNoLookup)
	}
	made.subject, made.err = subject, err
	made.abandoned = err != nil && ctx.Err() != nil && !refused(err)
}

// confirm returns the remembered subject as it is now.
func (c *cache) confirm(ctx context.Context, login *call) (Subject, error) {
	subject, err := Confirm(ctx, c.source, login.subject)
	if errors.Is(err, ErrNoLookup) && !login.confirmable {
		return login.subject, nil
	}
	return subject, err
}

// refused reports whether err is about the credentials. ErrNoLookup is: for a removed user a
// [Chain] returns it when another of its members cannot tell.
func refused(err error) bool {
	return errors.Is(err, ErrNoMatch) || errors.Is(err, ErrRejected) || errors.Is(err, ErrNoLookup)
}
