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
	// Subject is the subject that logged in, without its Labels. Pass it to [authn.Confirm].
	Subject authn.Subject
	// Service is the only service that the token is valid for.
	Service string
	// ClientID names the software that logged in, as the client said.
	ClientID string
	// IssuedAt is the time of the login, and LastUsed that of the last use or the login. ExpiresAt
	// is the end of the token, and IdleAt the end if it is not used before.
	IssuedAt, LastUsed, ExpiresAt, IdleAt time.Time
}

// Expired reports whether the token has ended, by age or because it was not used.
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
	// Kind restricts the other values to one kind of subject. It selects nothing by itself.
	Kind *authn.Kind
	// Service selects the tokens for one service.
	Service string
	// All selects every token if no other value is set.
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
// Each method is atomic: one SQL statement or transaction, or one Redis script. All are safe for
// concurrent use and return soon after ctx is done. Times are whole microseconds, strings are
// compared exactly, and a Subject comes back with its Name, Kind, Stamp and Limit. A nil Limit is
// not the same as one without scopes.
//
// After an error other than [ErrInvalid], the operation may or may not have happened, and may be
// repeated. A store that cannot answer must not return ErrInvalid: clients then discard the token.
type Store interface {
	// Insert adds a record. If its subject (name and kind, for all services) then has more than
	// limit records, those with the oldest LastUsed are removed, but never the new one. Inserting
	// the same record again changes nothing and is no error. When Insert returns nil, its changes
	// are durable and visible to all servers.
	Insert(ctx context.Context, record Record, limit int) error

	// Use finds the record that has this hash and service and has not expired at now. It sets
	// LastUsed to now and IdleAt to idleAt, unless the record has later times, and returns it. If
	// there is no such record, it changes nothing and returns ErrInvalid. Expired records stay,
	// since now may come from a wrong clock, and a deleted record never comes back.
	//
	// Stores need not write at every use: the new times may be stored and returned a minute late.
	Use(ctx context.Context, hash [sha256.Size]byte, service string, now, idleAt time.Time) (
		Record, error)

	// Delete removes the records that match and returns how many there were, expired ones included.
	// No match is no error. When Delete returns nil, the removal is durable: no Use that starts
	// later finds one of the records, on any server, after any crash or failover.
	Delete(ctx context.Context, filter Filter) (int, error)

	// List returns the records that match, have not expired at now and have an ID greater than
	// after: the first limit of them, ordered by the bytes of ID.
	List(ctx context.Context, filter Filter, now time.Time, after string, limit int) (
		[]Record, error)
}
