package auth

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token/refresh"
)

// What people read when a login fails. No message depends on whether the user exists.
const (
	messageWrong      = "incorrect username or password"
	messageUnreadable = "the Authorization header is not well-formed HTTP Basic authentication"
	messageRequired   = "authentication required"
	messageAccount    = "the account parameter is not the user who authenticates"
	messageThrottled  = "too many failed logins, try again later"
	messageRefresh    = "the refresh token is not valid (any more), log in again"
)

func tooLarge(status int, what string) error {
	return reply.New(status, "INVALID_REQUEST", "invalid_request",
		fmt.Sprintf("the %s is larger than %d bytes", what, maxRequestBytes))
}

func invalidScope(message string) error {
	return reply.New(http.StatusBadRequest, "INVALID_REQUEST", "invalid_scope", message)
}

func unsupportedGrantType() error {
	return reply.New(http.StatusBadRequest, "UNSUPPORTED", "unsupported_grant_type",
		"the grant type is not supported")
}

func unsupportedMediaType() error {
	return reply.New(http.StatusUnsupportedMediaType, "UNSUPPORTED", "invalid_request",
		"the body must be application/x-www-form-urlencoded, without a content encoding")
}

func unauthorized(message string, cause error) *reply.Problem {
	p := reply.New(http.StatusUnauthorized, "UNAUTHORIZED", "invalid_grant", message)
	p.Cause = cause
	return p
}

// authenticationProblem tells wrong credentials from credentials that were not checked. Only the
// former is 401: clients that read 401 discard their credentials. A throttled login is not 401
// either, which containerd would answer with a second attempt.
func authenticationProblem(err error) error {
	if throttled := (*authn.ThrottledError)(nil); errors.As(err, &throttled) {
		p := reply.New(http.StatusTooManyRequests, "TOOMANYREQUESTS", "temporarily_unavailable",
			messageThrottled)
		p.Cause, p.RetryAfter = err, max(throttled.RetryAfter, time.Second)
		return p
	}
	if errors.Is(err, authn.ErrNoMatch) || errors.Is(err, authn.ErrRejected) {
		return unauthorized(messageWrong, err)
	}
	return reply.Unavailable("the credentials cannot be checked at the moment", err)
}

// refreshProblem is authenticationProblem for a refresh token and its subject. A subject that can
// no longer be confirmed is gone.
func refreshProblem(err error) error {
	for _, gone := range []error{
		refresh.ErrInvalid, authn.ErrNoMatch, authn.ErrRejected, authn.ErrNoLookup,
	} {
		if errors.Is(err, gone) {
			return unauthorized(messageRefresh, err)
		}
	}
	return reply.Unavailable("the refresh token cannot be checked at the moment", err)
}
