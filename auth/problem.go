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
	messageWrong        = "incorrect username or password"
	messageUnreadable   = "the Authorization header is not well-formed HTTP Basic authentication"
	messageRequired     = "authentication required"
	messageAccount      = "the account parameter is not the user who authenticates"
	messageThrottled    = "too many failed logins, try again later"
	messageRefreshToken = "the refresh token is not valid (any more), log in again"
)

func invalidScope(message string) *reply.Problem {
	p := reply.Invalid(message)
	p.OAuth = "invalid_scope"
	return p
}

func tooLarge(status int, what string) *reply.Problem {
	p := reply.Invalid(fmt.Sprintf("the %s is larger than %d bytes", what, maxRequestBytes))
	p.Status = status
	return p
}

func unsupportedGrantType() *reply.Problem {
	return &reply.Problem{
		Status: http.StatusBadRequest, Code: "UNSUPPORTED", OAuth: "unsupported_grant_type",
		Message: "the grant type is not supported",
	}
}

func unsupportedMediaType() *reply.Problem {
	return &reply.Problem{
		Status: http.StatusUnsupportedMediaType, Code: "UNSUPPORTED", OAuth: "invalid_request",
		Message: "the body must be application/x-www-form-urlencoded, without a content encoding",
	}
}

func unauthorized(message string, cause error) *reply.Problem {
	return &reply.Problem{
		Status: http.StatusUnauthorized, Code: "UNAUTHORIZED", OAuth: "invalid_grant",
		Message: message, Cause: cause,
	}
}

// authenticationProblem tells wrong credentials from credentials that were not checked. Only the
// former is 401: clients that read 401 discard their credentials. A throttled login is not 401
// either, which containerd would answer with a second attempt.
func authenticationProblem(err error) *reply.Problem {
	if throttled := (*authn.ThrottledError)(nil); errors.As(err, &throttled) {
		return &reply.Problem{
			Status: http.StatusTooManyRequests, Code: "TOOMANYREQUESTS",
			OAuth: "temporarily_unavailable", Message: messageThrottled, Cause: err,
			RetryAfter: max(throttled.RetryAfter, time.Second),
		}
	}
	if errors.Is(err, authn.ErrNoMatch) || errors.Is(err, authn.ErrRejected) {
		return unauthorized(messageWrong, err)
	}
	return reply.Unavailable("the credentials cannot be checked at the moment", err)
}

// refreshProblem is authenticationProblem for a refresh token and its subject. A subject that can
// no longer be confirmed is gone.
func refreshProblem(err error) *reply.Problem {
	for _, refused := range []error{
		refresh.ErrInvalid, authn.ErrNoMatch, authn.ErrRejected, authn.ErrNoLookup,
	} {
		if errors.Is(err, refused) {
			return unauthorized(messageRefreshToken, err)
		}
	}
	return reply.Unavailable("the refresh token cannot be checked at the moment", err)
}
