package refresh

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

// ErrInvalid means that a refresh token is not accepted: it is malformed, unknown, expired, revoked
// or bound to another service. It does not say which, so that it gives an attacker no hint. A token
// server answers 401. A [Store] may wrap it, so compare with [errors.Is].
var ErrInvalid = errors.New("refresh token not accepted")

// Config configures [Tokens].
type Config struct {
	// Store holds the records. Required.
	Store Store
	// Key is the HMAC key for the tokens: at least 32 random bytes. Required unless Store was
	// returned by [NewMemoryStore]; a random key is then generated. Servers that share a store need
	// the same key; after a change, no token is accepted. Keep it outside the store, so that a
	// stolen copy of the store is useless.
	Key authn.Secret
	// IdleLifetime is the maximum time between uses. The default is 30 days. A store need not write
	// every use, so a token may expire up to a minute earlier.
	IdleLifetime time.Duration
	// Lifetime is the maximum age. The default is 180 days. For both lifetimes, values above 100
	// years, such as math.MaxInt64, are treated as 100 years, and negative values are an error.
	Lifetime time.Duration
	// MaxPerSubject is the maximum number of tokens of a subject for all services, counted by its
	// stamp, so that one credential cannot log another out. A further token replaces the least
	// recently used one. The default is 100.
	MaxPerSubject int
}

// Tokens issues, redeems and revokes refresh tokens. It is safe for concurrent use.
type Tokens struct {
	config Config // complete, but without the key
	hash   func(text authn.Secret) hash
}

// New returns Tokens that keep their records in config.Store, or an error that says what is wrong
// with config.
func New(config Config) (*Tokens, error) {
	key := []byte(config.Key)
	if _, inMemory := config.Store.(*memoryStore); inMemory && len(key) == 0 {
		key = []byte(rand.Text() + rand.Text())
	}
	switch {
	case config.Store == nil:
		return nil, errors.New("new refresh tokens: the store is missing")
	case len(key) < sha256.Size: // RFC 2104, section 3
		return nil, fmt.Errorf("new refresh tokens: the key has %d bytes, fewer than %d",
			len(key), sha256.Size)
	case config.IdleLifetime < 0 || config.Lifetime < 0 || config.MaxPerSubject < 0:
		return nil, errors.New("new refresh tokens: a lifetime or the limit is negative")
	}
	const day = 24 * time.Hour
	config.Key = ""
	config.IdleLifetime = orDefault(config.IdleLifetime, 30*day)
	config.Lifetime = orDefault(config.Lifetime, 180*day)
	config.MaxPerSubject = cmp.Or(config.MaxPerSubject, 100)
	// A function, because package fmt does not print the key that it captures.
	return &Tokens{config, func(text authn.Secret) hash {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return hash(mac.Sum(nil))
	}}, nil
}

// InMemory returns Tokens with a memory store, a random key and the defaults of [Config]. They are
// lost when the process ends; clients then have to log in again.
func InMemory() *Tokens {
	tokens, _ := New(Config{Store: NewMemoryStore()}) // New refuses nothing in this config
	return tokens
}

// orDefault limits the lifetime to a century, so that stores can count the microseconds since 1970
// in a float64 (Redis) or the nanoseconds in an int64.
func orDefault(lifetime, fallback time.Duration) time.Duration {
	return min(cmp.Or(lifetime, fallback), 876_000*time.Hour).Truncate(time.Microsecond)
}

// Issue returns a new refresh token and its record. The token ends no later than the subject's
// ValidUntil. ClientID names the client's software, as the client says.
//
// The error wraps [authn.ErrNoLookup] if the subject has no Stamp, since it could never be
// confirmed, and [authn.ErrRejected] if its ValidUntil has passed. An anonymous subject or an empty
// service is an error too.
func (t *Tokens) Issue(
	ctx context.Context, subject authn.Subject, service, clientID string,
) (authn.Secret, Record, error) {
	text, now := newText(), currentTime()
	end := now.Add(t.config.Lifetime)
	if until := subject.ValidUntil; !until.IsZero() && until.Before(end) {
		end = until.UTC().Truncate(time.Microsecond)
	}
	switch {
	case subject.Anonymous() || service == "":
		return "", Record{}, errors.New("issue refresh token: the subject or service is missing")
	case subject.Stamp == "":
		return "", Record{}, fmt.Errorf("issue refresh token: %w: the subject %+q has no stamp",
			authn.ErrNoLookup, subject.Name)
	case !now.Before(end):
		return "", Record{}, fmt.Errorf("issue refresh token: %w: the credentials of %+q ended",
			authn.ErrRejected, subject.Name)
	}
	record := Record{
		ID: rand.Text(), Hash: t.hash(text),
		Subject: authn.Subject{
			Name: subject.Name, Kind: subject.Kind, Stamp: subject.Stamp, Limit: subject.Limit,
		},
		Service: service, ClientID: clientID,
		IssuedAt: now, ExpiresAt: end,
		LastUsed: now, IdleAt: now.Add(t.config.IdleLifetime),
	}
	if err := t.config.Store.Insert(ctx, record, t.config.MaxPerSubject); err != nil {
		return "", Record{}, fmt.Errorf("issue refresh token: %w", err)
	}
	return text, record, nil
}

// Redeem checks a token, records its use and returns its record. It returns [ErrInvalid] if the
// token is not accepted for service, and another error if the store fails. Call it before and after
// the access token is signed, as the package comment explains.
func (t *Tokens) Redeem(ctx context.Context, token authn.Secret, service string) (Record, error) {
	if !wellFormed(token) {
		return Record{}, ErrInvalid
	}
	now := currentTime()
	idleAt := now.Add(t.config.IdleLifetime)
	record, err := t.config.Store.Use(ctx, t.hash(token), service, now, idleAt)
	switch {
	case errors.Is(err, ErrInvalid):
		return Record{}, ErrInvalid
	case err != nil:
		return Record{}, fmt.Errorf("redeem refresh token: %w", err)
	}
	return record, nil
}

// Revoke removes the tokens that match and returns how many there were, expired ones included. Once
// it returns nil, no server accepts them. An empty filter is an error.
func (t *Tokens) Revoke(ctx context.Context, filter Filter) (int, error) {
	if filter.Empty() {
		return 0, errors.New("revoke refresh tokens: the filter is empty")
	}
	n, err := t.config.Store.Delete(ctx, filter)
	if err != nil {
		return 0, fmt.Errorf("revoke refresh tokens: %w", err)
	}
	return n, nil
}

// List returns a page of the records that match and have not expired: the first limit of those with
// an ID greater than after, ordered by ID. For the first page, after is "". Pass the last ID of a
// page as after to get the next page; a page with fewer than limit records is the last. An empty
// filter is an error, and so is a limit below 1.
func (t *Tokens) List(ctx context.Context, filter Filter, after string, limit int) (
	[]Record, error,
) {
	if filter.Empty() || limit < 1 {
		return nil, errors.New("list refresh tokens: the filter is empty or the limit below 1")
	}
	page, err := t.config.Store.List(ctx, filter, currentTime(), after, limit)
	if err != nil {
		return nil, fmt.Errorf("list refresh tokens: %w", err)
	}
	return page, nil
}

// currentTime returns whole microseconds, which databases store without rounding.
func currentTime() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
