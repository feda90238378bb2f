package token

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
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
	DefaultRefreshGrace         = 20 * time.Second
)

// The bounds of [RefreshConfig].Grace. A shorter one takes slow networks for thieves, a longer one thieves for slow networks.
const (
	minRefreshGrace = 10 * time.Second
	maxRefreshGrace = 30 * time.Second
)

// minRefreshKey is the least length of the HMAC key, that of the hash (RFC 2104, section 3).
const minRefreshKey = sha256.Size

// A RefreshConfig configures [RefreshTokens].
type RefreshConfig struct {
	// Store keeps the records. Required; see [NewRefreshMemory] and package refreshfile.
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
	// Rotate makes each use of a token replace it by another. Only for clients that are known to store the new one: docker
	// keeps the first that it is given for ever, and would be logged out.
	Rotate bool
	// Grace is how long a token still works after it was replaced, between 10 and 30 seconds. Zero is [DefaultRefreshGrace].
	Grace time.Duration
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
}

// RefreshTokens makes, redeems and revokes refresh tokens: opaque random strings, of which only a keyed hash is kept.
//
// Who redeems one has to look the subject up again, since it may have been disabled, and compare the stamp. It is safe for
// concurrent use.
//
// # Rotation
//
// Redeeming a token does not replace it, because docker keeps the first that it is given for ever, unless
// [RefreshConfig].Rotate is set. Then [RefreshTokens.Renew] returns another token of the same family, which has the same end.
// The predecessor works for the time of grace, in which it yields the same successor again, however many ask for it at once:
// a family never branches. Used later than that it was stolen, or its successor was, and the family is revoked, as RFC 9700,
// section 4.14.2 has it. Within the time of grace a successor is not replaced in turn, so that a client that refreshes
// for many repositories at once does not outrun itself.
type RefreshTokens struct {
	store         RefreshStore
	hash          hashFunc
	idleLifetime  time.Duration
	lifetime      time.Duration
	maxPerSubject int
	rotate        bool
	grace         time.Duration
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
	case config.Grace != 0 && (config.Grace < minRefreshGrace || config.Grace > maxRefreshGrace):
		return nil, fmt.Errorf("make refresh tokens: a grace of %v, not between %v and %v", config.Grace, minRefreshGrace, maxRefreshGrace)
	}
	t := &RefreshTokens{
		store:         config.Store,
		hash:          hasher(key),
		idleLifetime:  orDefault(config.IdleLifetime, DefaultRefreshIdleLifetime),
		lifetime:      orDefault(config.Lifetime, DefaultRefreshLifetime),
		maxPerSubject: orDefault(config.MaxPerSubject, DefaultRefreshMaxPerSubject),
		rotate:        config.Rotate,
		grace:         orDefault(config.Grace, DefaultRefreshGrace),
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
	random := newRefreshRandom()
	text := formatRefreshText(random)
	record := RefreshRecord{
		ID:           rand.Text(),
		Family:       t.hash(forFamily, random[:refreshFamily]),
		Hash:         t.hash(forToken, random),
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
// [ErrRefreshInvalid], or the store's. It is also [ErrRefreshReused] when that use has just revoked the family; it then says
// whose it was, for the log. With an error the record is the zero value.
func (t *RefreshTokens) Redeem(ctx context.Context, text Secret, service string) (RefreshRecord, error) {
	random, ok := parseRefreshText(text)
	if !ok {
		return RefreshRecord{}, ErrRefreshInvalid
	}
	record, err := t.store.Use(ctx, t.use(random, service))
	switch {
	case errors.Is(err, ErrRefreshReused):
		return RefreshRecord{}, fmt.Errorf("%w: the family %s of %+q is revoked", ErrRefreshReused, record.ID, record.Subject)
	case errors.Is(err, ErrRefreshInvalid):
		return RefreshRecord{}, ErrRefreshInvalid
	case err != nil:
		return RefreshRecord{}, fmt.Errorf("redeem refresh token: %w", err)
	}
	return record, nil
}

// Renew returns the token that a client is to use from now on: the same, or with rotation its successor. Call it after
// Redeem, once everything else has succeeded that the client's request takes: a client that got an error comes back with the
// token that it has. The error [ErrRefreshInvalid] means that the token was revoked in the meantime; what was made for it,
// such as an access token, must not be given away.
func (t *RefreshTokens) Renew(ctx context.Context, text Secret, service string) (Secret, error) {
	random, ok := parseRefreshText(text)
	if !ok {
		return "", ErrRefreshInvalid
	}
	use := t.use(random, service)
	next := random
	if t.rotate {
		next = t.successor(random)
		use.Next = t.hash(forToken, next)
	}
	record, err := t.store.Use(ctx, use)
	switch {
	case errors.Is(err, ErrRefreshInvalid):
		return "", ErrRefreshInvalid
	case err != nil:
		return "", fmt.Errorf("renew refresh token: %w", err)
	case record.Hash == use.Hash: // not rotated, or too soon
		return text, nil
	}
	return formatRefreshText(next), nil
}

func (t *RefreshTokens) use(random []byte, service string) RefreshUse {
	now := t.now()
	return RefreshUse{
		Family:  t.hash(forFamily, random[:refreshFamily]),
		Hash:    t.hash(forToken, random),
		Service: service,
		Now:     now,
		IdleAt:  now.Add(t.idleLifetime),
		Grace:   t.grace,
	}
}

// successor returns the random bytes of the token that takes another's place. They are computed and not drawn, so that they are
// known whenever the same token is renewed again, although the store never has them. Without the key they are random.
func (t *RefreshTokens) successor(random []byte) []byte {
	fresh := t.hash(forSuccessor, random)
	return slices.Concat(random[:refreshFamily], fresh[:refreshRandom-refreshFamily])
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

// A hashFunc computes the HMAC of some bytes for one of the purposes. It holds the key, so that printing shows nothing of it.
type hashFunc func(purpose string, random []byte) RefreshHash

const (
	forToken     = "token"
	forFamily    = "family"
	forSuccessor = "successor"
)

func hasher(key []byte) hashFunc {
	key = bytes.Clone(key) // the caller may wipe its own
	return func(purpose string, random []byte) RefreshHash {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(purpose + "\x00"))
		mac.Write(random)
		return RefreshHash(mac.Sum(nil))
	}
}

func orDefault[T time.Duration | int](value, fallback T) T {
	if value == 0 {
		return fallback
	}
	return value
}
