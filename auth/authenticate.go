package auth

import (
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/throttle"
)

// The longest credentials that are passed to an authenticator.
const (
	maxUsernameBytes = 255
	maxPasswordBytes = 8 << 10 // a password can be a JWT or a cloud's JSON key
)

// No message reveals whether a user exists.
const (
	messageWrong    = "incorrect username or password"
	messageRequired = "authentication required"
)

type credentialsFunc = func(r *http.Request) (credentials authn.Request, ok bool)

// readCredentials reads the credentials of a GET: those that the hook finds, or else HTTP Basic.
func (req *tokenRequest) readCredentials(r *http.Request, hook credentialsFunc) error {
	if hook != nil {
		if found, ok := hook(r); ok {
			req.record.Credentials, req.record.Username = "other", found.Username
			req.password, req.other = found.Password, found.Other
			return nil
		}
	}
	return req.readBasic(r)
}

// readBasic reads HTTP Basic credentials (RFC 7617). A request without the header is anonymous;
// one with an unreadable header is refused.
func (req *tokenRequest) readBasic(r *http.Request) error {
	switch values := r.Header.Values("Authorization"); {
	case len(values) == 0:
		return nil
	case len(values) > 1:
		return reply.Invalid("more than one Authorization header")
	case values[0] == "": // such as by an unset variable: no credentials, so no 401
		return reply.Invalid("the Authorization header is empty")
	}
	req.record.Credentials = "basic"
	username, password, ok := r.BasicAuth()
	if !ok {
		return unauthorized("the Authorization header is not well-formed HTTP Basic", nil)
	}
	req.record.Username, req.password = username, authn.Secret(password)
	return nil
}

// wellFormed reports whether the credentials may be passed to an authenticator. It rejects empty
// passwords, with which an LDAP bind succeeds, characters that other systems fold, replace,
// truncate or split at, and very long texts.
func (req *tokenRequest) wellFormed() bool {
	username, password := req.record.Username, string(req.password)
	if req.record.Credentials == "none" || req.other != nil {
		return username == "" && password == ""
	}
	colonOrControl := func(r rune) bool { return r == ':' || unicode.IsControl(r) }
	return username != "" && len(username) <= maxUsernameBytes && utf8.ValidString(username) &&
		!strings.ContainsFunc(username, colonOrControl) &&
		password != "" && len(password) <= maxPasswordBytes &&
		utf8.ValidString(password) && !strings.ContainsRune(password, 0)
}

// authenticate returns the subject of a request with credentials of any kind, whose end has not
// passed.
func (s *Server) authenticate(r *http.Request, req *tokenRequest) (authn.Subject, error) {
	var subject authn.Subject
	var err error
	if req.refreshToken != "" {
		subject, err = s.redeem(r, req)
	} else {
		subject, err = s.login(r, req)
	}
	if end := subject.ValidUntil; err == nil && !end.IsZero() && !time.Now().Before(end) {
		err = unauthorized(messageWrong, errors.New("the credentials have ended"))
	}
	if err != nil {
		return authn.Subject{}, err
	}
	return subject, nil
}

// login returns the subject of a request without a refresh token.
func (s *Server) login(r *http.Request, req *tokenRequest) (authn.Subject, error) {
	record := req.record
	if !req.wellFormed() {
		return authn.Subject{}, unauthorized(messageWrong, errors.New("malformed credentials"))
	}
	subject, err := s.config.Authenticator.Authenticate(r.Context(), authn.Request{
		Username:   record.Username,
		Password:   req.password,
		Other:      req.other,
		TLS:        r.TLS,
		RemoteAddr: record.RemoteAddr,
		Service:    record.Service,
		ClientID:   record.ClientID,
	})
	none := record.Credentials == "none"
	switch anonymous := none && errors.Is(err, authn.ErrNoMatch); {
	case anonymous && !s.config.AnonymousAllowed:
		return authn.Subject{}, unauthorized(messageRequired, nil)
	case anonymous:
		return authn.Subject{}, nil
	case err != nil:
		return authn.Subject{}, authenticationProblem(err)
	case subject.Anonymous():
		err = errors.New("the authenticator returned a subject without a name")
		return authn.Subject{}, authenticationProblem(err)
	case none:
		record.Credentials = "connection"
	}
	return subject, nil
}

func unauthorized(message string, cause error) *reply.Problem {
	p := reply.New(http.StatusUnauthorized, "UNAUTHORIZED", "invalid_grant", message)
	p.Cause = cause
	return p
}

// authenticationProblem tells wrong credentials from unchecked ones. Only wrong ones are 401, after
// which clients discard them. A throttled login is not 401 either, because containerd would try
// again at once.
func authenticationProblem(err error) error {
	if throttled := (*throttle.Error)(nil); errors.As(err, &throttled) {
		p := reply.New(http.StatusTooManyRequests, "TOOMANYREQUESTS", "temporarily_unavailable",
			"too many logins failed or are under way, try again later")
		p.Cause, p.RetryAfter = err, max(throttled.RetryAfter, time.Second)
		return p
	}
	if errors.Is(err, authn.ErrNoMatch) || errors.Is(err, authn.ErrRejected) {
		return unauthorized(messageWrong, err)
	}
	return reply.Unavailable("the credentials cannot be checked at the moment", err)
}
