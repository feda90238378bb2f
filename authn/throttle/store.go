package throttle

import (
	"context"
	"time"
)

// A Store keeps the counts. Package storetest checks an implementation. [NewMemoryStore] returns
// one for a single process; several processes share a database.
//
// Each operation is one step that nothing interrupts, such as one script or one statement, and has
// no further effect when it is repeated, since database clients repeat a call whose reply was lost.
// A Store need not keep a count after both Forget of its key and keep of its last Succeed have
// passed. It may drop counts earlier when it must bound itself, those not used for the longest time
// first. A count that was dropped is zero.
//
// Times are whole microseconds. Those of one caller may be earlier than those of another, or than
// its own last one, if a clock was set back. Durations may be as long as math.MaxInt64, and sums of
// them must not overflow. An error means that the operation may or may not have been done.
// Implementations are safe for concurrent use and return soon after ctx is done.
type Store interface {
	// Look returns the counts of the keys, in their order. A key without one has the zero Count.
	Look(ctx context.Context, keys []Key) ([]Count, error)
	// Fail counts a failure for all of its keys, or for none.
	Fail(ctx context.Context, failure Failure) error
	// Succeed notes that credentials were right. If proof is not the Right of the count, the
	// count becomes zero. Then Right is set to proof and RightAt to at. The count is kept for
	// the duration keep.
	Succeed(ctx context.Context, key Key, proof [8]byte, at time.Time, keep time.Duration) error
}

// A Key names a count. A Store compares Hash alone.
type Key struct {
	// Hash is a keyed hash of an account and a network, or of a network.
	Hash [16]byte
	// Forget is how long after its last failure the failures of the count are forgotten.
	Forget time.Duration
}

// A Count is the data of one [Key]. It shows neither names nor addresses nor passwords.
type Count struct {
	// Failures is the number of failures, and Last the time of the last one that the source
	// answered.
	Failures int
	Last     time.Time
	// Wrong is a keyed hash of the credentials that failed last, and zero if that is not known.
	// NoMatch tells that the error was ErrNoMatch and not ErrRejected.
	Wrong   [8]byte
	NoMatch bool
	// Right is a keyed hash of the credentials that were right last, at the time RightAt.
	Right   [8]byte
	RightAt time.Time
}

// A Failure is one failed login. For each of its Keys, a [Store] changes the Count in this order:
//
//   - If At is Forget of the key or more after Last, or there was no failure, Failures becomes zero.
//   - If the login was not Refused, Last, Wrong and NoMatch are set to At, Proof and NoMatch, and
//     Right and RightAt are cleared if Right is Proof. If it was Refused, only Last is set to At,
//     and only if Failures is zero.
//   - Failures is increased by one.
type Failure struct {
	// ID is random. A failure whose ID was counted within the last minute is not counted again.
	ID   [16]byte
	Keys []Key
	At   time.Time
	// Proof is a keyed hash of the credentials. It is zero if the source did not answer.
	Proof   [8]byte
	NoMatch bool
	// Refused tells that the source was not asked.
	Refused bool
}
