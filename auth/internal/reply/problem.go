// Package reply holds what the HTTP handlers in and below package auth share: errors and their
// answers, and client-supplied text in logs.
package reply

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// A Problem is an error and its HTTP answer, with the codes of both protocols that clients speak:
// the registry's (distribution, "Errors") and OAuth2's (RFC 6749, section 5.2).
type Problem struct {
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

// Invalid is a request that its client has to change.
func Invalid(message string) *Problem {
	return &Problem{
		Status: http.StatusBadRequest, Code: "INVALID_REQUEST", OAuth: "invalid_request",
		Message: message,
	}
}

// MethodNotAllowed is a request with a method that is not in allow, such as "GET, POST".
func MethodNotAllowed(allow string) *Problem {
	return &Problem{
		Status: http.StatusMethodNotAllowed, Code: "UNSUPPORTED", OAuth: "invalid_request",
		Message: "the method is not one of " + allow, Allow: allow,
	}
}

// RetryAfter is how long a client waits for a broken back end. It is short because a person waits
// with it.
const RetryAfter = 5 * time.Second

// Unavailable is a failure of something that the request needs. Clients keep their credentials.
func Unavailable(message string, cause error) *Problem {
	return &Problem{
		Status: http.StatusServiceUnavailable, Code: "UNAVAILABLE", OAuth: "temporarily_unavailable",
		Message: message + ", try again later", Cause: cause, RetryAfter: RetryAfter,
	}
}

// Internal is a bug.
func Internal(cause error) *Problem {
	return &Problem{
		Status: http.StatusInternalServerError, Code: "UNKNOWN", OAuth: "server_error",
		Message: "internal error", Cause: cause,
	}
}

// From returns the problem in err, or an internal error.
func From(err error) *Problem {
	if p := (*Problem)(nil); errors.As(err, &p) {
		return p
	}
	return Internal(err)
}

// Level returns the log level of a request with this status.
func Level(status int) slog.Level {
	switch {
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	case status >= http.StatusBadRequest:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

// problemBody serves clients that read "errors" (docker, containerd, oras, regclient) and those
// that read "error" (OAuth2, RFC 6749, section 5.2).
type problemBody struct {
	Errors           []registryError `json:"errors"`
	Error            string          `json:"error"`
	ErrorDescription string          `json:"error_description"`
}

type registryError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Write sends the answer.
func (p *Problem) Write(w http.ResponseWriter) {
	if p.Allow != "" {
		w.Header().Set("Allow", p.Allow)
	}
	if p.Challenge != "" {
		w.Header().Set("WWW-Authenticate", p.Challenge)
	}
	if p.RetryAfter > 0 {
		seconds := p.RetryAfter / time.Second
		if p.RetryAfter%time.Second > 0 {
			seconds++ // rounded up, or the client comes too early
		}
		w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	JSON(w, p.Status, problemBody{
		Errors:           []registryError{{Code: p.Code, Message: p.Message}},
		Error:            p.OAuth,
		ErrorDescription: p.Message,
	})
}
