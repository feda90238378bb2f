package authn

import (
	"errors"
	"fmt"
	"time"
)

// ErrThrottled means that the proof was not looked at, because there were too many wrong ones before. It says nothing about the
// proof or about the user: the answer is 429 with Retry-After, never 401. The error is a *[ThrottledError].
var ErrThrottled = errors.New("authn: too many failed logins")

// A ThrottledError says how long [Throttle] keeps a client waiting. It wraps [ErrThrottled].
type ThrottledError struct {
	// RetryAfter is the time after which the next attempt is looked at. It is more than zero.
	RetryAfter time.Duration
}

// Error says how long to wait.
func (e *ThrottledError) Error() string {
	return fmt.Sprintf("%v: wait %v", ErrThrottled, e.RetryAfter)
}

// Unwrap returns [ErrThrottled].
func (e *ThrottledError) Unwrap() error { return ErrThrottled }
