// Package reply is shared by the HTTP handlers in and below package auth. It writes answers and
// errors, and makes client-supplied text safe for logs.
package reply

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"
)

// A Problem is an error and its HTTP answer, with the codes of both protocols that clients speak:
// the registry's (distribution, "Errors") and OAuth2's (RFC 6749, section 5.2).
type Problem struct { //nolint:errname // the term of RFC 9457
	Status  int
	Code    string
	OAuth   string
	Message string // for the client
	Cause   error  // for the log, or nil

	Allow      string        // of a 405
	Challenge  string        // the WWW-Authenticate header of a 401, or empty
	RetryAfter time.Duration // of a 429 or 503
}

func (p *Problem) Error() string {
	if p.Cause != nil {
		return p.Message + ": " + p.Cause.Error()
	}
	return p.Message
}

func (p *Problem) Unwrap() error { return p.Cause }

// New returns a problem without a cause.
func New(status int, code, oauth, message string) *Problem {
	return &Problem{Status: status, Code: code, OAuth: oauth, Message: message}
}

// Invalid returns the 400 for a request that the client has to change.
func Invalid(message string) *Problem {
	return New(http.StatusBadRequest, "INVALID_REQUEST", "invalid_request", message)
}

// MethodNotAllowed returns the 405 for a method that is not in allow, such as "GET, POST".
func MethodNotAllowed(allow string) *Problem {
	p := New(http.StatusMethodNotAllowed, "UNSUPPORTED", "invalid_request",
		"the method is not one of "+allow)
	p.Allow = allow
	return p
}

// Unavailable returns the 503 for a failed dependency. Unlike a 401, it lets clients keep their
// credentials.
func Unavailable(message string, cause error) *Problem {
	p := New(http.StatusServiceUnavailable, "UNAVAILABLE", "temporarily_unavailable",
		message+", try again later")
	p.Cause, p.RetryAfter = cause, 5*time.Second // short, because a person may wait
	return p
}

// From returns the problem that err wraps. Any other error is a bug and becomes a 500.
func From(err error) *Problem {
	if p := (*Problem)(nil); err == nil || errors.As(err, &p) {
		return p
	}
	p := New(http.StatusInternalServerError, "UNKNOWN", "server_error", "internal error")
	p.Cause = err
	return p
}

// Level returns the log level of a request with this status and error. A client that hangs up must
// not look like an outage.
func Level(status int, err error) slog.Level {
	switch {
	case status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled):
		return slog.LevelError
	case status >= http.StatusBadRequest:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

// Write sends the answer. Its body serves clients that read "errors" (docker, containerd, oras,
// regclient) and those that read "error" (OAuth2, RFC 6749, section 5.2).
func (p *Problem) Write(w http.ResponseWriter) {
	p.SetHeaders(w)
	writeJSON(w, p.Status, map[string]any{
		"errors":            []map[string]string{{"code": p.Code, "message": p.Message}},
		"error":             p.OAuth,
		"error_description": p.Message,
	})
}

// SetHeaders sets the headers that do not depend on the body.
func (p *Problem) SetHeaders(w http.ResponseWriter) {
	setNoStore(w)
	if p.Allow != "" {
		w.Header().Set("Allow", p.Allow)
	}
	if p.Challenge != "" {
		w.Header().Set("WWW-Authenticate", p.Challenge)
	}
	if p.RetryAfter > 0 {
		seconds := int64(math.Ceil(p.RetryAfter.Seconds())) // else the client retries too early
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
}
