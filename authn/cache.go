package authn

import (
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
	// MaxEntries bounds the cache, which then evicts the least recently used entry. The default is
	// 10 000.
	MaxEntries int
}

// Cache returns an authenticator that remembers the successful logins of a for a short time.
// Registry clients send the password with every token request, and checking it is slow on purpose.
//
// Only success is remembered, under an HMAC-SHA-256 of user name and password with a random key
// that never leaves the process. A wrong password always costs a check.
//
// The cache calls [Confirm] before it returns a remembered subject. So labels are up to date, and a
// user that was removed, disabled or given a new password is checked again at once. When the source
// of users is down, so is the login. A subject that its source has no means to confirm, not even
// right after its login, is remembered unchanged for TTL.
//
// a sees only the user name and the password of a request: an answer that depended on anything
// else, such as the address, would be remembered for the wrong requests. Put a source that needs
// more in front of the cache. Requests without a user name pass through and are not remembered.
//
// Concurrent requests with the same credentials share one check, which runs in the first of them.
// When the context of that request ends, another takes over.
//
// The result is a [Directory] and a [Confirmer] if a is. Cache panics if a is nil.
func Cache(a Authenticator, config CacheConfig) Authenticator {
	if a == nil {
		panic("authn.Cache: the authenticator is nil")
	}
	if config.TTL <= 0 {
		config.TTL = time.Minute
	}
	if config.MaxEntries <= 0 {
		config.MaxEntries = 10_000
	}
	c := &cache{
		source: a,
		ttl:    config.TTL,
		mac:    secret.NewMAC(""),
		logins: lru.New[credentials, *login](config.MaxEntries),
		calls:  make(map[credentials]*call),
	}
	return Decorate(a, c.authenticate)
}

type cache struct {
	source Authenticator
	ttl    time.Duration
	mac    secret.MAC
	logins *lru.Cache[credentials, *login]

	mu    sync.Mutex
	calls map[credentials]*call
}

// credentials is the hash of a user name and a password.
type credentials [sha256.Size]byte

// A login is a successful check.
type login struct {
	subject     Subject
	began       time.Time
	confirmable bool
}

// A call is a check that is running. The fields below done are set before done is closed.
type call struct {
	began time.Time
	done  chan struct{}

	subject   Subject
	err       error
	abandoned bool // the context of its request ended, so err says nothing about the credentials
}

func (c *cache) authenticate(ctx context.Context, r Request) (Subject, error) {
	if r.Username == "" {
		return c.source.Authenticate(ctx, r)
	}
	key := credentials(c.mac.Sum(r.Username, string(r.Password)))
	for {
		remembered, running, mine := c.find(key)
		switch {
		case remembered != nil:
			if subject, err := c.confirm(ctx, remembered); !refused(err) {
				return subject, err
			}
			c.logins.Remove(key, func(current *login) bool { return current == remembered })
		case running != nil:
			select {
			case <-running.done:
			case <-ctx.Done():
				return Subject{}, fmt.Errorf("wait for the check of the same credentials: %w", ctx.Err())
			}
			if !running.abandoned {
				return running.subject, running.err
			}
		default:
			c.check(ctx, key, mine, Request{Username: r.Username, Password: r.Password})
			return mine.subject, mine.err
		}
	}
}

// find returns a remembered login, or a running call to wait for, or else a new call to make.
func (c *cache) find(key credentials) (remembered *login, running, mine *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found, ok := c.logins.Get(key); ok && time.Since(found.began) < c.ttl {
		return found, nil, nil
	}
	if running := c.calls[key]; running != nil {
		return nil, running, nil
	}
	mine = &call{began: time.Now(), done: make(chan struct{})}
	c.calls[key] = mine
	return nil, nil, mine
}

// confirm returns the remembered subject as it is now.
func (c *cache) confirm(ctx context.Context, remembered *login) (Subject, error) {
	subject, err := Confirm(ctx, c.source, remembered.subject)
	switch {
	case errors.Is(err, ErrNoLookup) && !remembered.confirmable:
		return remembered.subject, nil
	case err != nil && !refused(err):
		err = fmt.Errorf("confirm the remembered login of %+q: %w", remembered.subject.Name, err)
	}
	return subject, err
}

// refused reports whether a remembered subject has to be checked again. ErrNoLookup is a reason:
// for a removed user a [Chain] returns it when another of its members cannot tell.
func refused(err error) bool {
	return errors.Is(err, ErrNoMatch) || errors.Is(err, ErrRejected) || errors.Is(err, ErrNoLookup)
}

// check makes a call, and remembers its success.
func (c *cache) check(ctx context.Context, key credentials, mine *call, r Request) {
	mine.err = errors.New("the check of the same credentials in another request panicked")
	var remember *login
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if delete(c.calls, key); remember != nil {
			c.logins.Add(key, remember)
		}
		close(mine.done)
	}()
	subject, err := c.source.Authenticate(ctx, r)
	if err == nil && !subject.Anonymous() {
		_, failed := Confirm(ctx, c.source, subject)
		if failed == nil || errors.Is(failed, ErrNoLookup) {
			remember = &login{subject, mine.began, failed == nil}
		}
	}
	mine.subject, mine.err = subject, err
	mine.abandoned = ctx.Err() != nil && err != nil &&
		!errors.Is(err, ErrRejected) && !errors.Is(err, ErrNoMatch)
}
