package authn

import (
	"context"
	"encoding/hex"
	"time"
)

// A ThrottleStore keeps what [Throttle] counts. Several replicas that share one throttle together; package throttletest checks an
// implementation.
//
// Update replaces the states of the keys in one step: nobody else changes them between the reading and the writing. Change is
// given the states in the order of the keys and changes them in place; a key without a state has the zero ThrottleState, and a
// state that has become zero may be deleted. A store that finds that it lost a race may call change again: the last call counts.
// Change is quick, does not block and calls no store. The keys of one call are distinct, and there are three at most.
//
// A state that nobody has updated for the time keep is of no more use. A store may forget a state earlier when it must bound
// itself, best the one of each kind that was not updated for the longest time.
//
// An error means that nothing was counted, or that nobody can tell. Update is safe for concurrent use and returns soon after
// ctx is done.
type ThrottleStore interface {
	Update(ctx context.Context, keys []ThrottleKey, keep time.Duration, change func(states []ThrottleState)) error
}

// A ThrottleKind says what a [ThrottleKey] stands for.
type ThrottleKind uint8

// What is counted.
const (
	ThrottleAddress        ThrottleKind = iota // all failures from an address
	ThrottleAccount                            // all failures of an account
	ThrottleAccountAddress                     // the failures of an account from an address
)

// A ThrottleKey is what failures are counted for: an account, an address or both. It is an HMAC, so it has a fixed size and shows
// neither.
type ThrottleKey struct {
	Kind ThrottleKind
	MAC  [16]byte
}

// String returns a form for databases, 34 hexadecimal digits.
func (k ThrottleKey) String() string {
	return hex.EncodeToString(append([]byte{byte(k.Kind)}, k.MAC[:]...))
}

// A ThrottleState is what is known about a [ThrottleKey]. To a store it is plain data; encoding/json keeps it well. It is
// comparable, so that a store can see that nothing changed. It holds no secret that could be used without the Throttle's key.
type ThrottleState struct {
	// Failures is the number of failures that count, those of attempts that are being checked included.
	Failures int
	// First and Last are when the first and the last of them began.
	First, Last time.Time
	// Appointment is when an address that had to wait for an account under attack is let through.
	Appointment time.Time
	// Proof stands for the credentials of the last attempt, and Outcome for what became of it.
	Proof   ThrottleProof
	Outcome ThrottleOutcome
}

// A ThrottleProof tells credentials from others. It is a part of an HMAC of them.
type ThrottleProof [8]byte

// A ThrottleOutcome is what became of an attempt.
type ThrottleOutcome uint8

// Outcomes of attempts.
const (
	ThrottlePending  ThrottleOutcome = iota // it is being checked
	ThrottleRejected                        // it ended with ErrRejected
	ThrottleNoMatch                         // it ended with ErrNoMatch
)
