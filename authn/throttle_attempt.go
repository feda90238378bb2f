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
	repeated bool          // its credentials are those of the last attempt here, a moment ago: it is not counted
	outcome  ThrottleOutcome
	last     [throttleKinds]time.Time // the failures before it
}

// The places of the states of an attempt. That of the address is missing when it is not known.
const (
	hereState    = 0 // of the account at the address
	accountState = 1
	addressState = 2
)

// begin decides, and counts the attempt here and for the address if it is to be checked. All that were counted before it begins is seen
// by it, so that attempts at the same time have no more guesses than attempts one after another. For the account it counts when
// it has failed: a cluster of which all nodes log in at once is no attack, and who has many addresses has one guess from each
// in any case.
func (a *throttleAttempt) begin(rules throttleRules, states []ThrottleState) {
	a.wait, a.repeated, a.outcome = 0, false, ThrottlePending
	here := &states[hereState]
	for i, rule := range rules.of(states) {
		rule.refresh(&states[i], a.begun)
	}
	if a.repeats(here) {
		a.repeated, a.outcome = true, here.Outcome
		return
	}
	slowdown := rules.account.delay(states[accountState].Failures)
	a.wait = appoint(here, slowdown, a.begun)
	a.wait = max(a.wait, rules.accountAddress.wait(here, a.begun))
	if len(states) > addressState {
		a.wait = max(a.wait, rules.address.wait(&states[addressState], a.begun))
	}
	if a.wait > 0 {
		return
	}
	a.charge(states)
	here.Proof, here.Outcome, here.Appointment = a.proof, ThrottlePending, time.Time{}
	if slowdown > 0 {
		here.Appointment = a.begun.Add(slowdown)
	}
}

// repeats reports whether the last attempt was the same guess, a moment ago.
func (a *throttleAttempt) repeats(s *ThrottleState) bool {
	return s.Failures > 0 && s.Proof == a.proof && a.begun.Sub(s.Last) < repeatWindow
}

// charge counts the attempt where it counts before it has failed.
func (a *throttleAttempt) charge(states []ThrottleState) {
	for i := range states {
		if i != accountState {
			a.last[i] = states[i].Last
			charge(&states[i], a.begun)
		}
	}
}

// refund takes back what charge did. When the same guess was counted for another attempt, that is the last failure, and stays so.
func (a *throttleAttempt) refund(states []ThrottleState, countedForAnother bool) {
	for i := range states {
		switch {
		case i == accountState:
		case countedForAnother:
			states[i].Failures = max(1, states[i].Failures-1)
		default:
			refund(&states[i], a.begun, a.last[i])
		}
	}
}

// counted reports whether the same guess has failed in another attempt at the same time.
func (a *throttleAttempt) counted(here *ThrottleState) bool {
	return a.repeats(here) && here.Outcome != ThrottlePending
}

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

// fail makes the attempt count once, however many made the same guess at the same time: it stays with the one that failed first.
// Were it with the one that began first, that one could hang up and take it back.
func (a *throttleAttempt) fail(states []ThrottleState, outcome ThrottleOutcome) {
	here := &states[hereState]
	counted := a.counted(here)
	switch {
	case counted && !a.repeated:
		a.refund(states, true)
	case !counted && a.repeated:
		a.charge(states)
	}
	if !counted {
		here.Proof, here.Outcome = a.proof, outcome
	}
	if account := &states[accountState]; !a.repeats(account) {
		charge(account, a.begun)
		account.Proof, account.Outcome = a.proof, outcome
	}
}

// succeed forgets the failures here, and takes back that the attempt was counted as one elsewhere.
func (a *throttleAttempt) succeed(states []ThrottleState) {
	a.takeBack(states)
	states[hereState] = ThrottleState{}
}

// takeBack makes it as if the attempt had not been.
func (a *throttleAttempt) takeBack(states []ThrottleState) {
	if a.repeated {
		return
	}
	here := &states[hereState]
	appointment := here.Appointment
	a.refund(states, a.counted(here))
	if !appointment.IsZero() {
		here.Appointment = a.begun // it may be repeated at once
	}
	if here.Proof == a.proof && here.Outcome == ThrottlePending {
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
