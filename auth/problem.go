package auth

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token"
)

// A problem is why a request gets no token, in the words of both protocols that clients speak: the registry's error codes
// (distribution, "Errors") and OAuth2's (RFC 6749, section 5.2).
type problem struct {
	status     int
	code       string
	oauth      string
	message    string        // for the client
	cause      error         // for the log, or nil
	retryAfter time.Duration // for 429 and 503, or zero
}

func (p *problem) Error() string {
	if p.cause != nil {
		return p.message + ": " + p.cause.Error()
	}
	return p.message
}

func (p *problem) Unwrap() error { return p.cause }

// What a person reads when a login fails. None of them depends on whether the user exists.
const (
	messageWrong         = "incorrect username or password"
	messageUnreadable    = "the Authorization header is not well-formed HTTP Basic authentication"
	messageRequired      = "authentication required"
	messageThrottled     = "too many failed logins, try again later"
	messageRefreshToken  = "the refresh token is not valid (any more), log in again"
	messageRefreshBroken = "the refresh token cannot be checked at the moment"
)

// retryAfter is how long a client should wait for a broken source of users or decisions. Short, as its user is waiting.
const retryAfter = 5 * time.Second

func invalidRequest(message string) *problem {
	return &problem{status: http.StatusBadRequest, code: "INVALID_REQUEST", oauth: "invalid_request", message: message}
}

func invalidScope(message string) *problem {
	return &problem{status: http.StatusBadRequest, code: "INVALID_REQUEST", oauth: "invalid_scope", message: message}
}

func unsupportedGrantType() *problem {
	return &problem{
		status: http.StatusBadRequest, code: "UNSUPPORTED", oauth: "unsupported_grant_type",
		message: "the grant type is not supported",
	}
}

func unauthorized(message string, cause error) *problem {
	return &problem{status: http.StatusUnauthorized, code: "UNAUTHORIZED", oauth: "invalid_grant", message: message, cause: cause}
}

func methodNotAllowed() *problem {
	return &problem{
		status: http.StatusMethodNotAllowed, code: "UNSUPPORTED", oauth: "invalid_request",
		message: "a token is asked for with GET or POST",
	}
}

func unsupportedMediaType() *problem {
	return &problem{
		status: http.StatusUnsupportedMediaType, code: "UNSUPPORTED", oauth: "invalid_request",
		message: "the body must be application/x-www-form-urlencoded, without a content encoding",
	}
}

func tooLarge(status int, what string, limit int) *problem {
	return &problem{
		status: status, code: "INVALID_REQUEST", oauth: "invalid_request",
		message: fmt.Sprintf("the %s is larger than %d bytes", what, limit),
	}
}

func unavailable(what string, cause error) *problem {
	return &problem{
		status: http.StatusServiceUnavailable, code: "UNAVAILABLE", oauth: "temporarily_unavailable",
		message: what + ", try again later", cause: cause, retryAfter: retryAfter,
	}
}

// tooManyRequests is the answer to a login that is not looked at. It is not 401, which containerd would answer with a second try.
func tooManyRequests(wait time.Duration, cause error) *problem {
	return &problem{
		status: http.StatusTooManyRequests, code: "TOOMANYREQUESTS", oauth: "temporarily_unavailable",
		message: messageThrottled, cause: cause, retryAfter: wait,
	}
}

func internalError(cause error) *problem {
	return &problem{status: http.StatusInternalServerError, code: "UNKNOWN", oauth: "server_error", message: "internal error", cause: cause}
}

// authenticationProblem tells a wrong proof from one that was not looked at and from a broken source of users. Only the first is
// 401: a client that reads 401 throws its credentials away.
func authenticationProblem(err error) *problem {
	if throttled := (*authn.ThrottledError)(nil); errors.As(err, &throttled) {
		return tooManyRequests(max(throttled.RetryAfter, time.Second), err)
	}
	if errors.Is(err, authn.ErrThrottled) {
		return tooManyRequests(retryAfter, err)
	}
	if errors.Is(err, authn.ErrNoMatch) || errors.Is(err, authn.ErrRejected) {
		return unauthorized(messageWrong, err)
	}
	return unavailable("the credentials cannot be checked at the moment", err)
}

// refreshProblem is authenticationProblem for a refresh token.
func refreshProblem(err error) *problem {
	if errors.Is(err, token.ErrRefreshInvalid) {
		return unauthorized(messageRefreshToken, err)
	}
	return unavailable(messageRefreshBroken, err)
}

// lookupProblem is authenticationProblem for the subject of a refresh token. One that nobody can look up any more is gone.
func lookupProblem(err error) *problem {
	for _, gone := range []error{authn.ErrNoMatch, authn.ErrRejected, authn.ErrNoLookup} {
		if errors.Is(err, gone) {
			return unauthorized(messageRefreshToken, err)
		}
	}
	return unavailable(messageRefreshBroken, err)
}

// asProblem returns the problem that err is, or an internal error.
func asProblem(err error) *problem {
	if p := (*problem)(nil); errors.As(err, &p) {
		return p
	}
	return internalError(err)
}
