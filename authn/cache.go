package authn

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/berthpass/registry-auth/internal/call"
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
	c := &cache{
		source: a,
		ttl:    cmp.Or(max(0, config.TTL), time.Minute),
		mac:    secret.NewMAC(""),
		logins: lru.New[credentials, *login](cmp.Or(max(0, config.MaxEntries), 10_000)),
	}
	return Decorate(a, c.authenticate)
}

type cache struct {
	source Authenticator
	ttl    time.Duration
	mac    secret.MAC
	logins *lru.Cache[credentials, *login]
	checks call.Group[credentials, Subject]
}

// credentials is the hash of a user name and a password.
type credentials [sha256.Size]byte

// A login is a success that is remembered.
type login struct {
	subject     Subject
	began       time.Time
	confirmable bool // Confirm could tell right after the login
}

func (c *cache) authenticate(ctx context.Context, r Request) (Subject, error) {
	if r.Username == "" {
		return c.source.Authenticate(ctx, r)
	}
	key := credentials(c.mac.Sum(r.Username, string(r.Password)))
	for {
		if remembered, ok := c.logins.Get(key); ok && time.Since(remembered.began) < c.ttl {
			if subject, err := c.confirm(ctx, remembered); !refused(err) {
				return subject, err
			}
			c.logins.Remove(key, func(current *login) bool { return current == remembered })
			continue
		}
		own := false
		subject, err := c.checks.Do(ctx, key, func() (subject Subject, abandoned bool, err error) {
			own = true
			subject, err = c.check(ctx, key, Request{Username: r.Username, Password: r.Password})
			return subject, err != nil && ctx.Err() != nil && !refused(err), err
		})
		if own || err != nil {
			return subject, err
		}
		// Another request's check succeeded, but it began before this request: confirm it.
	}
}

// check asks the source, and remembers a success.
func (c *cache) check(ctx context.Context, key credentials, r Request) (Subject, error) {
	began := time.Now()
	subject, err := c.source.Authenticate(ctx, r)
	if err != nil || subject.Anonymous() {
		return subject, err
	}
	_, failed := Confirm(ctx, c.source, subject)
	if failed == nil || errors.Is(failed, ErrNoLookup) {
		c.logins.Add(key, &login{subject, began, failed == nil})
	}
	return subject, nil
}

// confirm returns the remembered subject as it is now.
func (c *cache) confirm(ctx context.Context, remembered *login) (Subject, error) {
	subject, err := Confirm(ctx, c.source, remembered.subject)
	if errors.Is(err, ErrNoLookup) && !remembered.confirmable {
		return remembered.subject, nil
	}
	return subject, err
}

// refused reports whether err is about the credentials. ErrNoLookup is: for a removed user a
// [Chain] returns it when another of its members cannot tell.
func refused(err error) bool {
	return errors.Is(err, ErrNoMatch) || errors.Is(err, ErrRejected) || errors.Is(err, ErrNoLookup)
}
