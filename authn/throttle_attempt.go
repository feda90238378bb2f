package authn

import (
	"errors"
	"fmt"
	"time"
)

// repeatWindow is how long the same wrong credentials from the same place are one failure: containerd repeats a POST that was
// refused as a GET, and an engine asks for several tokens at once.
const repeatWindow = time.Second

// throttleRules decide about attempts. They compute and keep nothing.
type throttleRules struct {
	accountAddress, account, address ThrottleRule
}

func (r throttleRules) keep() time.Duration {
	return max(r.accountAddress.keep(), r.account.keep(), r.address.keep())
}

// of returns the rules for the states of an attempt, in their order: account and address, account and, if it is known, address.
func (r throttleRules) of(states []ThrottleState) []ThrottleRule {
	return []ThrottleRule{r.accountAddress, r.account, r.address}[:len(states)]
}

// A throttleAttempt is one login with a password, and what was decided about it.
type throttleAttempt struct {
	keys  []ThrottleKey
	proof ThrottleProof
	begun time.Time

	wait     time.Duration // if more than zero, it is refused
	repeated bool          // its credentials are those of the last attempt, which was counted a moment ago
	joined   bool          // so are they for the account, from elsewhere: it is not counted there
	outcome  ThrottleOutcome
	last     [throttleKinds]time.Time // the failures before it
}

// begin decides, and counts the attempt if it is to be checked. All that were counted before it begins is seen by it, so that
// attempts at the same time have no more guesses than attempts one after another.
func (a *throttleAttempt) begin(rules throttleRules, states []ThrottleState) {
	a.wait, a.repeated, a.joined, a.outcome = 0, false, false, ThrottlePending
	here := &states[0]
	slowdown := time.Duration(0)
	for i, rule := range rules.of(states) {
		rule.refresh(&states[i], a.begun)
	}
	if here.Failures > 0 && here.Proof == a.proof && a.begun.Sub(here.Last) < repeatWindow {
		a.repeated, a.outcome = true, here.Outcome
		return
	}
	account := &states[accountState]
	a.joined = account.Failures > 0 && account.Proof == a.proof && a.begun.Sub(account.Last) < repeatWindow
	for i, rule := range rules.of(states) {
		if i == accountState && a.joined {
			continue
		}
		if i == accountState {
			slowdown = rule.delay(states[i].Failures)
			a.wait = max(a.wait, appoint(here, slowdown, a.begun))
			continue
		}
		a.wait = max(a.wait, rule.wait(&states[i], a.begun))
	}
	if a.wait > 0 {
		return
	}
	for i := range states {
		if i == accountState && a.joined {
			continue
		}
		a.last[i] = states[i].Last
		charge(&states[i], a.begun)
	}
	account.Proof = a.proof
	here.Proof, here.Outcome, here.Appointment = a.proof, ThrottlePending, time.Time{}
	if slowdown > 0 {
		here.Appointment = a.begun.Add(slowdown)
	}
}

// accountState is where the state of the account is.
const accountState = 1

// appoint returns how long an address has to wait for an account that is attacked from many. Each address has an appointment of
// its own, at which it is let through whatever the others do, so that nobody can lock the owner out.
func appoint(here *ThrottleState, slowdown time.Duration, now time.Time) time.Duration {
	if slowdown == 0 {
		here.Appointment = time.Time{}
		return 0
	}
	wait := here.Appointment.Sub(now)
	if wait > slowdown || wait < -appointmentHolds { // none, an old one, or the clock was set back
		here.Appointment, wait = now.Add(slowdown), slowdown
	}
	return max(0, wait)
}

// appointmentHolds is how late one may come to an appointment.
const appointmentHolds = 5 * time.Minute

// fail notes what became of the attempt, for those that repeat it. One that joined another is a failure of its own when that one
// was none.
func (a *throttleAttempt) fail(states []ThrottleState, outcome ThrottleOutcome) {
	if account := &states[accountState]; a.joined && account.Proof != a.proof {
		charge(account, a.begun)
		account.Proof = a.proof
	}
	if here := &states[0]; here.Failures > 0 && here.Proof == a.proof {
		here.Outcome = outcome
	}
}

// succeed forgets the failures here, and takes back that the attempt was counted as one elsewhere.
func (a *throttleAttempt) succeed(states []ThrottleState) {
	a.takeBack(states)
	states[0] = ThrottleState{}
}

// takeBack makes it as if the attempt had not been.
func (a *throttleAttempt) takeBack(states []ThrottleState) {
	if a.repeated {
		return
	}
	appointment := states[0].Appointment
	for i := range states {
		if i == accountState && a.joined {
			continue
		}
		refund(&states[i], a.begun, a.last[i])
	}
	if account := &states[accountState]; !a.joined && account.Proof == a.proof {
		account.Proof = ThrottleProof{}
	}
	here := &states[0]
	if !appointment.IsZero() {
		here.Appointment = a.begun // it may be repeated at once
	}
	if here.Proof == a.proof {
		here.Proof = ThrottleProof{}
	}
}

// remembered is the answer to an attempt that repeats one that failed. A password changed within that second is not seen.
func (a *throttleAttempt) remembered() error {
	switch a.outcome {
	case ThrottleRejected:
		return fmt.Errorf("%w: as the same credentials were a moment ago", ErrRejected)
	case ThrottleNoMatch:
		return fmt.Errorf("%w: as the same credentials had a moment ago", ErrNoMatch)
	default:
		return nil
	}
}

// outcomeOf tells a failure, which counts, from what says nothing about the credentials.
func outcomeOf(err error) ThrottleOutcome {
	switch {
	case errors.Is(err, ErrRejected):
		return ThrottleRejected
	case errors.Is(err, ErrNoMatch):
		return ThrottleNoMatch
	default:
		return ThrottlePending
	}
}
