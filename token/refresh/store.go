package refresh

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

type hash = [sha256.Size]byte

// A Record describes a refresh token. It does not contain the token.
type Record struct {
	// ID names the token in lists and for revocation: 26 random characters of A–Z and 2–7.
	ID string
	// Hash is the HMAC-SHA-256 of the token. Stores find records by it.
	Hash [sha256.Size]byte
	// Subject is the subject that logged in, but only its Name, Kind, Stamp and Limit. Pass it to
	// [authn.Confirm], which returns the rest as it is now.
	Subject authn.Subject
	// Service is the only service that the token is valid for.
	Service string
	// ClientID names the software that logged in, as the client said.
	ClientID string
	// IssuedAt is the time of the login, and LastUsed that of the last use or the login. The token
	// expires at ExpiresAt, or at IdleAt if it is not used before.
	IssuedAt, LastUsed, ExpiresAt, IdleAt time.Time
}

// Expired reports whether now is at or after ExpiresAt or IdleAt.
func (r Record) Expired(now time.Time) bool {
	return !now.Before(r.ExpiresAt) || !now.Before(r.IdleAt)
}

// A Filter selects the records that have all of its values. Strings are compared exactly. An empty
// filter selects nothing, so that a missing value never selects everything.
type Filter struct {
	// ID selects one token.
	ID string
	// Subject selects the tokens of the subjects with that name, of any kind unless Kind is set.
	Subject string
	// Kind, if not nil, selects only tokens of that kind of subject. It must be combined with
	// another field; with All it selects all tokens of that kind.
	Kind *authn.Kind
	// Service selects the tokens for one service.
	Service string
	// All selects every token, unless other fields narrow the selection.
	All bool
}

// Empty reports whether the filter selects nothing: no value is set, or only Kind.
func (f Filter) Empty() bool { return f == Filter{Kind: f.Kind} }

func (f Filter) matches(r *Record) bool {
	equal := func(wanted, value string) bool { return wanted == "" || wanted == value }
	return !f.Empty() && equal(f.ID, r.ID) && equal(f.Subject, r.Subject.Name) &&
		equal(f.Service, r.Service) && (f.Kind == nil || *f.Kind == r.Subject.Kind)
}

// A Store holds the records of refresh tokens, for one server or for several that share it. Package
// storetest checks an implementation.
//
// Each method must be atomic (one SQL statement or transaction, or one Redis script), be safe for
// concurrent use and return soon after ctx is done. Strings must be compared exactly. A Subject
// must come back with its Name, Kind, Stamp and Limit; a nil Limit differs from one without scopes.
// [Tokens] passes times in UTC and whole microseconds, which the store must keep.
//
// After an error other than [ErrInvalid], the operation may or may not have happened. The caller
// may repeat it at once. Later, Insert could restore a record that was deleted in between. A store
// that cannot answer must not return ErrInvalid, because clients then discard the token.
type Store interface {
	// Insert adds a record. If its subject (name, kind and stamp, for all services) then has more
	// than limit records, which is at least 1, Insert deletes those with the oldest LastUsed, but
	// never the new one. If there is a record with the same ID and Hash, Insert must change nothing
	// and return nil. When Insert returns nil, its changes must be durable and visible to all
	// servers.
	//
	// Insert may also delete records that have expired at record.IssuedAt; a store for several
	// servers should wait longer, in case a clock is wrong. Until then they count towards limit.
	Insert(ctx context.Context, record Record, limit int) error

	// Use finds the record that has this hash and service and has not expired at now. It sets
	// LastUsed to now and IdleAt to idleAt, each unless the stored time is later, and returns the
	// updated record. To save writes, it may store and return times that are up to a minute older.
	//
	// If there is no such record, Use must change nothing and return ErrInvalid. It must not delete
	// expired records: now may come from a wrong clock, and deletion cannot be undone.
	Use(ctx context.Context, hash [sha256.Size]byte, service string, now, idleAt time.Time) (
		Record, error)

	// Delete removes the records that match and returns how many there were, expired ones included.
	// No match is no error. When Delete returns nil, the removal must be durable: no Use that
	// starts later may find one of the records, on any server, after any crash or failover. A Redis
	// with asynchronous replication cannot promise that, so do not keep refresh tokens there.
	Delete(ctx context.Context, filter Filter) (int, error)

	// List returns the records that match, have not expired at now and have an ID greater than
	// after: the first limit of them, ordered by the bytes of ID.
	List(ctx context.Context, filter Filter, now time.Time, after string, limit int) (
		[]Record, error)
}
