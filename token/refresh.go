package token

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// ErrRefreshInvalid means that a refresh token is not accepted: it is no such token, unknown, expired, revoked, or for
// another service. There is one error for all of these, so that nobody can ask which; the client reads 401. Any other
// error from [RefreshTokens.Redeem] means that the store could not be asked: 503.
var ErrRefreshInvalid = errors.New("token: refresh token not accepted")

// The defaults of a [RefreshConfig].
const (
	DefaultRefreshIdleLifetime  = 30 * 24 * time.Hour
	DefaultRefreshLifetime      = 180 * 24 * time.Hour
	DefaultRefreshMaxPerSubject = 100
)

// minRefreshKey is the least length of the HMAC key, that of the hash (RFC 2104, section 3).
const minRefreshKey = sha256.Size

// A RefreshConfig configures [RefreshTokens].
type RefreshConfig struct {
	// Store keeps the records. Required; see [NewRefreshMemory].
	Store RefreshStore
	// Key is the HMAC key under which tokens are hashed, of 32 bytes or more. Keep it outside the store: a stolen copy of
	// the store alone then verifies nothing. With another key, all tokens in the store are lost, so a store that outlives
	// the process, or that several share, needs a fixed one. Nil is a random one for this process.
	Key []byte
	// IdleLifetime is how long a token lives without being used. Zero is [DefaultRefreshIdleLifetime].
	IdleLifetime time.Duration
	// Lifetime is how long a token lives at most. Zero is [DefaultRefreshLifetime].
	Lifetime time.Duration
	// MaxPerSubject bounds the tokens of one subject for one service; the one that was not used for the longest time is
	// dropped for a new one. Zero is [DefaultRefreshMaxPerSubject].
	MaxPerSubject int
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
}

// RefreshTokens makes, redeems and revokes refresh tokens: opaque random strings, of which only a keyed hash is kept.
//
// They are not rotated: redeeming one does not replace it, because docker keeps the first that it is given for ever. Who
// redeems one has to look the subject up again, since it may have been disabled, and compare the stamp. It is safe for
// concurrent use.
type RefreshTokens struct {
	store         RefreshStore
	hash          func(Secret) RefreshHash // holds the key, so that printing shows nothing of it
	idleLifetime  time.Duration
	lifetime      time.Duration
	maxPerSubject int
	now           func() time.Time
}

// NewRefreshTokens returns refresh tokens over a store, or an error that says which field of the configuration is missing
// or out of range.
func NewRefreshTokens(config RefreshConfig) (*RefreshTokens, error) {
	key := config.Key
	if key == nil {
		key = make([]byte, minRefreshKey)
		_, _ = rand.Read(key) // never fails
	}
	switch {
	case config.Store == nil:
		return nil, errors.New("make refresh tokens: no store")
	case len(key) < minRefreshKey:
		return nil, fmt.Errorf("make refresh tokens: a key of %d bytes, not of %d or more", len(key), minRefreshKey)
	case config.IdleLifetime < 0 || config.Lifetime < 0 || config.MaxPerSubject < 0:
		return nil, errors.New("make refresh tokens: a lifetime or the number per subject is negative")
	}
	t := &RefreshTokens{
		store:         config.Store,
		hash:          hasher(key),
		idleLifetime:  orDefault(config.IdleLifetime, DefaultRefreshIdleLifetime),
		lifetime:      orDefault(config.Lifetime, DefaultRefreshLifetime),
		maxPerSubject: orDefault(config.MaxPerSubject, DefaultRefreshMaxPerSubject),
		now:           config.Now,
	}
	if t.now == nil {
		t.now = time.Now
	}
	return t, nil
}

// A RefreshGrant is what a refresh token stands for.
type RefreshGrant struct {
	// Subject is the name of the subject. Required: the anonymous subject gets no refresh token.
	Subject string
	// SubjectKind tells subjects of one name apart: a user and a service account. Any text.
	SubjectKind string
	// SubjectStamp changes when earlier proofs of the subject no longer count. Whoever redeems the token compares it.
	SubjectStamp string
	// Service is the only service that the token is good for. Required.
	Service string
	// ClientID is the software that asked, as it says.
	ClientID string
}

// Issue makes a refresh token and stores its record. The token itself is nowhere else: only the client has it.
func (t *RefreshTokens) Issue(ctx context.Context, grant RefreshGrant) (Secret, RefreshRecord, error) {
	if grant.Subject == "" || grant.Service == "" {
		return "", RefreshRecord{}, errors.New("issue refresh token: no subject or no service")
	}
	now := t.now()
	text := newRefreshText()
	record := RefreshRecord{
		ID:           rand.Text(),
		Hash:         t.hash(text),
		Subject:      grant.Subject,
		SubjectKind:  grant.SubjectKind,
		SubjectStamp: grant.SubjectStamp,
		Service:      grant.Service,
		ClientID:     grant.ClientID,
		IssuedAt:     now,
		LastUsed:     now,
		ExpiresAt:    now.Add(t.lifetime),
		IdleAt:       now.Add(t.idleLifetime),
	}
	if err := t.store.Insert(ctx, record, t.maxPerSubject); err != nil {
		return "", RefreshRecord{}, fmt.Errorf("issue refresh token: %w", err)
	}
	return text, record, nil
}

// Redeem returns the record of a refresh token that is good for service now, and counts as a use. The error is
// [ErrRefreshInvalid], or the store's. With an error the record is the zero value.
func (t *RefreshTokens) Redeem(ctx context.Context, text Secret, service string) (RefreshRecord, error) {
	if !validRefreshText(text) {
		return RefreshRecord{}, ErrRefreshInvalid
	}
	now := t.now()
	record, err := t.store.Use(ctx, RefreshUse{
		Hash:    t.hash(text),
		Service: service,
		Now:     now,
		IdleAt:  now.Add(t.idleLifetime),
	})
	if errors.Is(err, ErrRefreshInvalid) {
		return RefreshRecord{}, ErrRefreshInvalid
	}
	if err != nil {
		return RefreshRecord{}, fmt.Errorf("redeem refresh token: %w", err)
	}
	return record, nil
}

// Revoke makes the tokens that match worthless, and returns how many there were. When it returns without an error, none
// of them is redeemed again. A filter that selects nothing is an error.
func (t *RefreshTokens) Revoke(ctx context.Context, filter RefreshFilter) (int, error) {
	if filter.empty() {
		return 0, fmt.Errorf("revoke refresh tokens: %w", errEmptyFilter)
	}
	n, err := t.store.Delete(ctx, filter)
	if err != nil {
		return n, fmt.Errorf("revoke refresh tokens: %w", err)
	}
	return n, nil
}

// List returns the records that match and are not expired, in the order of issue. A filter that selects nothing is an
// error.
func (t *RefreshTokens) List(ctx context.Context, filter RefreshFilter) ([]RefreshRecord, error) {
	if filter.empty() {
		return nil, fmt.Errorf("list refresh tokens: %w", errEmptyFilter)
	}
	list, err := t.store.List(ctx, filter, t.now())
	if err != nil {
		return nil, fmt.Errorf("list refresh tokens: %w", err)
	}
	return list, nil
}

func hasher(key []byte) func(Secret) RefreshHash {
	key = append([]byte(nil), key...) // the caller may wipe its own
	return func(text Secret) RefreshHash {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return RefreshHash(mac.Sum(nil))
	}
}

func orDefault[T time.Duration | int](value, fallback T) T {
	if value == 0 {
		return fallback
	}
	return value
}
