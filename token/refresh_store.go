package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"
)

// A RefreshHash is the HMAC-SHA-256 of a refresh token. The token cannot be computed from it.
type RefreshHash [sha256.Size]byte

// A RefreshRecord is what is kept of a refresh token. It is plain data, without the token.
type RefreshRecord struct {
	// ID names the token in lists and for revoking. It is random and says nothing about the token.
	ID string
	// Hash is the hash of the token, unique.
	Hash RefreshHash
	// Subject, SubjectKind, SubjectStamp, Service and ClientID are those of the [RefreshGrant].
	Subject      string
	SubjectKind  string
	SubjectStamp string
	Service      string
	ClientID     string
	// IssuedAt is when the token was made, LastUsed when it was last redeemed, or made.
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
	Hash    RefreshHash
	Service string
	// Now is the time of the use, the new LastUsed.
	Now time.Time
	// IdleAt is the record's new IdleAt.
	IdleAt time.Time
}

// Apply returns the record as it is after the use, or [ErrRefreshInvalid] when the record has expired or is for another
// service. Times never go back, so that a clock that was set wrongly for a while ends no token. It is for stores.
func (u RefreshUse) Apply(r RefreshRecord) (RefreshRecord, error) {
	if r.Hash != u.Hash || r.Service != u.Service || r.Expired(u.Now) {
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

// A RefreshFilter selects records: those that have all of the values that are given. An empty filter selects none, so
// that a forgotten value never means everything.
type RefreshFilter struct {
	// ID selects one token.
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
// All methods are safe for concurrent use. Uses and deletions of one record happen one after the other: once Delete has
// returned without an error, no Use of what it deleted succeeds any more, at any server that shares the store; a store
// that needs a moment for that says how long. What Insert and Delete have acknowledged survives a crash as far as
// anything in the store does. An error other than [ErrRefreshInvalid] means that the store is broken or cannot be
// reached; after one, nothing may be assumed about what was stored.
type RefreshStore interface {
	// Insert adds a record. When its subject, subject kind and service then have more than limit records, the ones with the
	// oldest LastUsed are removed, and never the new one.
	Insert(ctx context.Context, record RefreshRecord, limit int) error
	// Use finds the record by its hash, replaces it by the result of use.Apply, and returns that. The error is
	// ErrRefreshInvalid when there is no such record, or when Apply says so; the record is then not changed. The new
	// times may reach the disk later than the answer, but not more than a minute later.
	Use(ctx context.Context, use RefreshUse) (RefreshRecord, error)
	// Delete removes the records that match and returns how many there were. That there are none is no error.
	Delete(ctx context.Context, filter RefreshFilter) (int, error)
	// List returns the records that match and have not expired at the given time, in the order of IssuedAt.
	List(ctx context.Context, filter RefreshFilter, now time.Time) ([]RefreshRecord, error)
}
