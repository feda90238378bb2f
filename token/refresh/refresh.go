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
	"github.com/berthpass/registry-auth/internal/secret"
)

// A Secret is a string that must not be printed: a refresh token or a key. Every verb of package
// fmt, log/slog and encoding/json print three stars instead; string(s) is the only way to read it.
type Secret = secret.String

// ErrInvalid means that a refresh token is not accepted: it is malformed, unknown, expired, revoked
// or bound to another service. The error does not say which, so that clients cannot find out.
var ErrInvalid = errors.New("refresh token not accepted")

// Config configures [Tokens].
type Config struct {
	// Store holds the records. Required.
	Store Store
	// Key is the HMAC key for the tokens, at least 32 bytes. Servers that share a store need the
	// same key; after a change, no token is accepted. Keep it outside the store, so that a stolen
	// copy of the store is useless. Required, but a memory store defaults to a random key.
	Key Secret
	// IdleLifetime is how long a token lives without being used. The default is 30 days. A store
	// may record a use one minute late, so lifetimes of a few minutes are not exact.
	IdleLifetime time.Duration
	// Lifetime is how long a token lives at most, however often it is used. The default is 180
	// days, the maximum a hundred years: math.MaxInt64 means no end.
	Lifetime time.Duration
	// MaxPerSubject is how many tokens a subject may have, counted over all services. A further
	// token replaces the least recently used one. The default is 100.
	MaxPerSubject int
}

// Tokens issues, redeems and revokes refresh tokens. It is safe for concurrent use.
type Tokens struct {
	config Config // complete, but without the key
	hash   func(text Secret) hash
}

// New returns refresh tokens on a store, or an error that says what is wrong with config.
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
	return &Tokens{config, func(text Secret) hash { // package fmt does not print what it captures
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return hash(mac.Sum(nil))
	}}, nil
}

// orDefault limits the lifetime to a century, so that stores can count the microseconds since 1970
// in a float64 (Redis) or the nanoseconds in an int64.
func orDefault(lifetime, fallback time.Duration) time.Duration {
	return min(cmp.Or(lifetime, fallback), 876_000*time.Hour).Truncate(time.Microsecond)
}

// Issue returns a new refresh token and its record. The anonymous subject gets none. ClientID names
// the client's software, as the client says.
func (t *Tokens) Issue(
	ctx context.Context, subject authn.Subject, service, clientID string,
) (Secret, Record, error) {
	if subject.Anonymous() || service == "" {
		return "", Record{}, errors.New("issue refresh token: the subject or service is missing")
	}
	subject.Labels = nil
	text, now := newText(), currentTime()
	record := Record{
		ID: rand.Text(), Hash: t.hash(text),
		Subject: subject, Service: service, ClientID: clientID,
		IssuedAt: now, ExpiresAt: now.Add(t.config.Lifetime),
		LastUsed: now, IdleAt: now.Add(t.config.IdleLifetime),
	}
	if err := t.config.Store.Insert(ctx, record, t.config.MaxPerSubject); err != nil {
		return "", Record{}, fmt.Errorf("issue refresh token: %w", err)
	}
	return text, record, nil
}

// Redeem returns the record of a token that is valid for the service now, and counts as a use. The
// error is [ErrInvalid] for a token that is not, and any other when the store fails. Call it before
// and after the access token is signed, as the package comment explains.
func (t *Tokens) Redeem(ctx context.Context, text Secret, service string) (Record, error) {
	if !wellFormed(text) {
		return Record{}, ErrInvalid
	}
	now := currentTime()
	idleAt := now.Add(t.config.IdleLifetime)
	record, err := t.config.Store.Use(ctx, t.hash(text), service, now, idleAt)
	switch {
	case errors.Is(err, ErrInvalid):
		return Record{}, ErrInvalid
	case err != nil:
		return Record{}, fmt.Errorf("redeem refresh token: %w", err)
	}
	return record, nil
}

// Revoke removes the tokens that match and returns how many there were. Once it has returned
// without an error, no server accepts them. An empty filter is an error.
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
// an ID greater than after, ordered by ID. The last ID of a page is the after of the next. An empty
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
