package authn

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/berthpass/registry-auth/internal/call"
	"github.com/berthpass/registry-auth/internal/lru"
	"github.com/berthpass/registry-auth/internal/secret"
)

// CacheConfig configures [Cache]. The zero value suits most servers.
type CacheConfig struct {
	// TTL is how long a successful login is remembered, from the beginning of its check. Using it
	// does not prolong it. The default is one minute.
	TTL time.Duration
	// MaxEntries bounds the cache, which evicts the least recently used. The default is 10 000.
	MaxEntries int
	// Logger warns once if the source cannot confirm logins, and once if a look-up found another
	// subject than the login. The default is slog.Default().
	Logger *slog.Logger
}

// Cache returns an authenticator that remembers the successful logins of a for a short time.
// Registry clients send the password with every token request, and checking it is slow on purpose.
//
// Only success is remembered, under an HMAC-SHA-256 of user name and password with a random key. A
// wrong password always costs a check. Concurrent requests with the same credentials share one.
//
// A login is remembered only if [Confirm] right after it returns an Equal subject, and used only if
// Confirm does so again. So a user that was removed, disabled, given a new password or other labels
// is checked again at once, and no login is remembered beyond its ValidUntil. When the source is
// down, so is the login. A source that cannot confirm is asked every time, and the log says so.
//
// The wrapped authenticator sees only the user name and the password, since a result that depends
// on more, such as the address, must not be reused. A source that needs more belongs in front of
// the cache. Requests with Other, or without a user name, pass through and are not remembered.
//
// The result has the optional abilities of a. Cache panics if a is nil.
func Cache(a Authenticator, config CacheConfig) Authenticator {
	if a == nil {
		panic("authn.Cache: the authenticator is nil")
	}
	c := &cache{
		source: a,
		ttl:    cmp.Or(max(0, config.TTL), time.Minute),
		logger: cmp.Or(config.Logger, slog.Default()),
		mac:    secret.NewMAC(""),
		logins: lru.New[credentials, *login](cmp.Or(max(0, config.MaxEntries), 10_000)),
	}
	return Decorate(a, c.authenticate)
}

type cache struct {
	source Authenticator
	ttl    time.Duration
	logger *slog.Logger
	mac    secret.MAC
	logins *lru.Cache[credentials, *login]
	checks call.Group[credentials, Subject]

	unconfirmable, different sync.Once // warnings
}

// credentials is the hash of a user name and a password.
type credentials [sha256.Size]byte

// A login is a success that is remembered. Its subject has no Data.
type login struct {
	subject Subject
	began   time.Time
}

func (c *cache) authenticate(ctx context.Context, r Request) (Subject, error) {
	if r.Username == "" || r.Other != nil {
		return c.source.Authenticate(ctx, r)
	}
	r = Request{Username: r.Username, Password: r.Password}
	key := credentials(c.mac.Sum(r.Username, string(r.Password)))
	if subject, ok, err := c.remembered(ctx, key); ok {
		return subject, err
	}
	own := false
	subject, err := c.checks.Do(ctx, key, func() (subject Subject, abandoned bool, err error) {
		own = true
		subject, err = c.check(ctx, key, r)
		return subject, err != nil && ctx.Err() != nil && !refused(err), err
	})
	if own || err != nil {
		return subject, err
	}
	// Another request's check succeeded, but it began before this request: confirm it.
	if subject, ok, err := c.remembered(ctx, key); ok {
		return subject, err
	}
	return c.check(ctx, key, r)
}

// remembered returns the current subject of a remembered login, or the error of an outage. Not ok
// means that the credentials have to be checked.
func (c *cache) remembered(ctx context.Context, key credentials) (s Subject, ok bool, err error) {
	for {
		l, ok := c.logins.Get(key)
		if !ok || time.Since(l.began) >= c.ttl {
			return Subject{}, false, nil
		}
		s, err = Confirm(ctx, c.source, l.subject)
		if err == nil && s.Equal(l.subject) || err != nil && !refused(err) {
			return s, true, err
		}
		c.logins.Remove(key, func(current *login) bool { return current == l })
	}
}

// check asks the source, and remembers a success that can be confirmed.
func (c *cache) check(ctx context.Context, key credentials, r Request) (Subject, error) {
	began := time.Now()
	subject, err := c.source.Authenticate(ctx, r)
	if err != nil {
		return subject, err
	}
	confirmed, failed := Confirm(ctx, c.source, subject)
	switch {
	case failed == nil && confirmed.Equal(subject):
		confirmed.Data = nil
		c.logins.Add(key, &login{confirmed, began})
	case errors.Is(failed, ErrNoLookup):
		c.unconfirmable.Do(func() {
			c.warn(ctx, subject, "the source cannot confirm logins",
				"give each Subject a Stamp, and the source a method Lookup or Confirm")
		})
	case failed == nil, refused(failed):
		c.different.Do(func() {
			c.warn(ctx, subject, "a look-up after the login found another subject",
				"return the same subject from Authenticate and Lookup, or implement "+
					"authn.Confirmer; a change at that moment does no harm")
		})
	}
	return subject, nil
}

func (c *cache) warn(ctx context.Context, s Subject, reason, remedy string) {
	c.logger.WarnContext(ctx, "logins are not remembered, so each costs a check",
		slog.String("reason", reason), slog.String("remedy", remedy), slog.String("name", s.Name))
}

// refused reports whether err is about the credentials. ErrNoLookup is: for a removed user a
// [Chain] returns it when another of its members cannot tell.
func refused(err error) bool {
	return errors.Is(err, ErrNoMatch) || errors.Is(err, ErrRejected) || errors.Is(err, ErrNoLookup)
}
