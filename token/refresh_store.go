package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// A RefreshHash is the HMAC-SHA-256 of a refresh token. The token cannot be computed from it.
type RefreshHash [sha256.Size]byte

// ErrRefreshReused is an [ErrRefreshInvalid] of its own: a token was used although another had taken its place. One of two
// parties has stolen it, and nobody knows which, so the whole family is revoked (RFC 9700, section 4.14.2).
var ErrRefreshReused = fmt.Errorf("%w: it had been replaced before", ErrRefreshInvalid)

// A RefreshRecord is what is kept of a refresh token, or with rotation of a family: the token of a login and those that took
// its place one after the other. It is plain data, without the token.
type RefreshRecord struct {
	// ID names the family in lists and for revoking. It is random and says nothing about the token.
	ID string
	// Family is the hash of what all tokens of the family have in common. It is unique: records are found by it.
	Family RefreshHash
	// Hash is the hash of the token that is good now.
	Hash RefreshHash
	// Previous is the hash of the token that was replaced by it at RotatedAt. Both are zero until that happens.
	Previous  RefreshHash
	RotatedAt time.Time
	// Subject, SubjectKind, SubjectStamp, Service and ClientID are those of the [RefreshGrant].
	Subject      string
	SubjectKind  string
	SubjectStamp string
	Service      string
	ClientID     string
	// IssuedAt is when the first token was made, LastUsed when one was last redeemed, or made.
	IssuedAt time.Time
	LastUsed time.Time
	// ExpiresAt is when the token ends, whatever happens. IdleAt is when it ends unless it is used before.
	ExpiresAt time.Time
	IdleAt    time.Time
}

// Expired reports whether the token has ended, by age or for want of use.
func (r RefreshRecord) Expired(now time.Time) bool {
	return !now.Before(r.ExpiresAt) || !now.Before(r.IdleAt)
}

// A RefreshUse is one use of a refresh token.
type RefreshUse struct {
	Family  RefreshHash
	Hash    RefreshHash
	Service string
	// Now is the time of the use, the new LastUsed.
	Now time.Time
	// IdleAt is the record's new IdleAt.
	IdleAt time.Time
	// Next makes the use a rotation, unless it is zero: it becomes the hash of the token that is good.
	Next RefreshHash
	// Grace is how long after a rotation the previous token is as good as its successor, and the successor not replaced in
	// turn. So requests at the same time, and one whose answer was lost, are not taken for theft.
	Grace time.Duration
}

// Apply returns the record as it is after the use. The error is [ErrRefreshInvalid] when the record has expired or is not for
// this token and service, or [ErrRefreshReused], which means that the record is to be removed. It is for stores.
//
// Times never go back, so that a clock that was set wrongly for a while ends no token.
func (u RefreshUse) Apply(r RefreshRecord) (RefreshRecord, error) {
	if r.Family != u.Family || r.Service != u.Service || r.Expired(u.Now) {
		return RefreshRecord{}, ErrRefreshInvalid
	}
	everRotated := !r.RotatedAt.IsZero()
	inGrace := everRotated && u.Now.Sub(r.RotatedAt).Abs() < u.Grace
	switch {
	case u.Hash == r.Hash:
		if u.rotates() && !inGrace {
			r.Hash, r.Previous, r.RotatedAt = u.Next, r.Hash, u.Now
		}
	case u.Hash == r.Previous && inGrace:
	case everRotated && !u.rotates(): // a rotation follows a use that was accepted: no theft
		return RefreshRecord{}, ErrRefreshReused
	default:
		return RefreshRecord{}, ErrRefreshInvalid
	}
	if u.Now.After(r.LastUsed) {
		r.LastUsed = u.Now
	}
	if u.IdleAt.After(r.IdleAt) {
		r.IdleAt = u.IdleAt
	}
	return r, nil
}

func (u RefreshUse) rotates() bool { return u.Next != RefreshHash{} }

// A RefreshFilter selects records: those that have all of the values that are given. An empty filter selects none, so
// that a forgotten value never means everything.
type RefreshFilter struct {
	// ID selects one token, or family.
	ID string
	// Subject selects the tokens of the subjects of that name, of every kind unless SubjectKind is given too.
	Subject     string
	SubjectKind string
	// Service selects the tokens for one service.
	Service string
	// All allows the filter to be empty otherwise, and then selects everything.
	All bool
}

var errEmptyFilter = errors.New("the filter is empty: set All to mean everything")

func (f RefreshFilter) empty() bool { return f == RefreshFilter{} }

// Match reports whether the filter selects the record. It is for stores.
func (f RefreshFilter) Match(r RefreshRecord) bool {
	matches := func(wanted, have string) bool { return wanted == "" || wanted == have }
	return !f.empty() &&
		matches(f.ID, r.ID) &&
		matches(f.Subject, r.Subject) &&
		matches(f.SubjectKind, r.SubjectKind) &&
		matches(f.Service, r.Service)
}

// A RefreshStore keeps the records of refresh tokens: in memory, in a file, in a database that several servers share. It
// knows no policy and sees no token. Package refreshtest checks an implementation.
//
// All methods are safe for concurrent use. Uses and deletions of one record happen one after the other: of many rotations
// of a token at once one changes the record, and the others find it changed. Once Delete has returned without an error, no
// Use of what it deleted succeeds any more, at any server that shares the store; a store that needs a moment for that says
// how long. What Insert, Delete and a rotation have acknowledged survives a crash as far as anything in the store does. An
// error other than [ErrRefreshInvalid] means that the store is broken or cannot be reached; after one, nothing may be
// assumed about what was stored.
type RefreshStore interface {
	// Insert adds a record. When its subject, subject kind and service then have more than limit records, the ones with the
	// oldest LastUsed are removed, and never the new one.
	Insert(ctx context.Context, record RefreshRecord, limit int) error
	// Use finds the record by its family, replaces it by the result of use.Apply, and returns that. The error is
	// ErrRefreshInvalid when there is no such record or when Apply says so, and the record is then not changed. It is
	// ErrRefreshReused when Apply says that; the record has then been removed, and is returned as it was. Of a use that is
	// no rotation, the new times may reach the disk later than the answer, but not more than a minute later.
	Use(ctx context.Context, use RefreshUse) (RefreshRecord, error)
	// Delete removes the records that match and returns how many there were. That there are none is no error.
	Delete(ctx context.Context, filter RefreshFilter) (int, error)
	// List returns the records that match and have not expired at the given time, in the order of IssuedAt.
	List(ctx context.Context, filter RefreshFilter, now time.Time) ([]RefreshRecord, error)
}
