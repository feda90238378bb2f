package auth

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
)

// The limits of a request. Real ones need a hundredth of it.
const (
	maxRequestBytes  = 32 << 10 // of a query or a body
	maxParameters    = 400      // each scope may be one, and unknown ones are ignored
	maxScopes        = 100
	maxClientIDBytes = 255
)

// The values of [AuditRecord.Credentials].
const (
	credentialsNone       = "none"
	credentialsConnection = "connection"
	credentialsBasic      = "basic"
	credentialsPassword   = "password"
	credentialsRefresh    = "refresh_token"
)

// A tokenRequest is what a client asks for, by either method.
type tokenRequest struct {
	credentials string
	service     string
	clientID    string
	account     string
	scopes      []scope.Scope // at most maxScopes
	malformed   []*scope.ParseError

	username     string // with password, for "basic" and "password"
	password     authn.Secret
	refreshToken authn.Secret

	offline bool // the client asks for a refresh token
}

// oauth reports whether the request was a POST.
func (req *tokenRequest) oauth() bool {
	return req.credentials == credentialsPassword || req.credentials == credentialsRefresh
}

// parseRequest reads a token request. Beside an error it returns what it read until then, for the
// audit.
func parseRequest(w http.ResponseWriter, r *http.Request) (*tokenRequest, error) {
	switch r.Method {
	case http.MethodGet:
		return parseGet(r)
	case http.MethodPost:
		return parsePost(w, r)
	default:
		return &tokenRequest{}, reply.MethodNotAllowed("GET, POST")
	}
}

// parseGet reads the form of distribution's specification: parameters in the query, credentials by
// HTTP Basic.
func parseGet(r *http.Request) (*tokenRequest, error) {
	req := &tokenRequest{credentials: credentialsNone}
	if len(r.URL.RawQuery) > maxRequestBytes {
		return req, tooLarge(http.StatusRequestURITooLong, "query")
	}
	p, err := parseParameters(r.URL.RawQuery, "query")
	if err != nil {
		return req, err
	}
	req.clientID = p.clientID()
	req.service = p.service()
	req.account = p.single("account")
	req.offline = p.boolean("offline_token")
	req.readScopes(p)
	if err := req.readBasic(r); err != nil {
		return req, err
	}
	if req.account != "" && req.username != "" && req.account != req.username {
		p.fail(reply.Invalid(messageAccount))
	}
	return req, p.err
}

// parsePost reads the OAuth2 form: everything in the body. The query is ignored. Credentials by
// HTTP Basic are refused, since they may be another subject's.
func parsePost(w http.ResponseWriter, r *http.Request) (*tokenRequest, error) {
	req := &tokenRequest{}
	p, err := readForm(w, r)
	if err != nil {
		return req, err
	}
	req.clientID = p.clientID()
	req.service = p.service()
	req.offline = p.offlineAccess()
	req.readScopes(p)
	if len(r.Header.Values("Authorization")) > 0 {
		p.fail(reply.Invalid("credentials in the Authorization header and in the form"))
	}
	switch p.single("grant_type") {
	case "password":
		req.credentials = credentialsPassword
		req.username = p.required("username")
		req.password = authn.Secret(p.required("password"))
	case "refresh_token":
		req.credentials = credentialsRefresh
		req.refreshToken = authn.Secret(p.required("refresh_token"))
	case "":
		p.fail(reply.Invalid("the parameter grant_type is missing"))
	default:
		p.fail(unsupportedGrantType())
	}
	return req, p.err
}

func readForm(w http.ResponseWriter, r *http.Request) (*parameters, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/x-www-form-urlencoded" ||
		r.Header.Get("Content-Encoding") != "" {
		return nil, unsupportedMediaType()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if tooBig := new(http.MaxBytesError); errors.As(err, &tooBig) {
		return nil, tooLarge(http.StatusRequestEntityTooLarge, "body")
	}
	if err != nil {
		return nil, reply.Invalid("the body could not be read")
	}
	return parseParameters(string(body), "body")
}

// readScopes reads the requested scopes. Malformed ones are left out if there are others, since
// crane sends lists with both. A request is refused if nothing is left of it: for
// "repository:team/app: pull", which leaves a scope without an action, a token would only puzzle.
func (req *tokenRequest) readScopes(p *parameters) {
	values := p.values["scope"]
	if moreScopesThan(maxScopes, values) {
		p.fail(invalidScope(fmt.Sprintf("more than %d scopes are asked for", maxScopes)))
		return
	}
	req.scopes, req.malformed = scope.ParseList(values...)
	hasAction := func(s scope.Scope) bool { return len(s.Actions) > 0 }
	if len(req.malformed) > 0 && !slices.ContainsFunc(req.scopes, hasAction) {
		p.fail(invalidScope(req.malformed[0].Error()))
	}
}

// moreScopesThan counts without allocating: a hostile list holds thousands.
func moreScopesThan(most int, values []string) bool {
	count := 0
	for _, value := range values {
		for s := range strings.SplitSeq(value, " ") {
			if s != "" {
				count++
			}
			if count > most {
				return true
			}
		}
	}
	return false
}

// parameters reads values of a query or a form and keeps the first error.
type parameters struct {
	values url.Values
	err    error
}

// parseParameters is strict where r.URL.Query drops what it cannot read: without its second half,
// "service=a;scope=b" would be another request.
func parseParameters(text, where string) (*parameters, error) {
	if strings.Count(text, "&") >= maxParameters {
		return nil, reply.Invalid(
			fmt.Sprintf("the %s has more than %d parameters", where, maxParameters))
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, reply.Invalid("the " + where + " is not well-formed")
	}
	return &parameters{values: values}, nil
}

func (p *parameters) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

// single returns a parameter that may be sent once (RFC 6749, section 3.2).
func (p *parameters) single(name string) string {
	if len(p.values[name]) > 1 {
		p.fail(reply.Invalid("the parameter " + name + " is sent more than once"))
	}
	return p.values.Get(name)
}

func (p *parameters) required(name string) string {
	value := p.single(name)
	if value == "" {
		p.fail(reply.Invalid("the parameter " + name + " is missing"))
	}
	return value
}

// service tells an empty parameter from a missing one, for which there may be a default.
func (p *parameters) service() string {
	service := p.single("service")
	if service == "" && p.values.Has("service") {
		p.fail(reply.Invalid("the parameter service is empty"))
	}
	return service
}

// clientID returns the client's name for itself, VSCHAR only (RFC 6749, appendix A.1).
func (p *parameters) clientID() string {
	id := p.single("client_id")
	unprintable := func(r rune) bool { return r < ' ' || r > '~' }
	if len(id) > maxClientIDBytes || strings.ContainsFunc(id, unprintable) {
		p.fail(reply.Invalid("the parameter client_id is too long" +
			" or contains other than printable ASCII characters"))
		return ""
	}
	return id
}

func (p *parameters) boolean(name string) bool {
	text := p.single(name)
	if text == "" {
		return false
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		p.fail(reply.Invalid("the parameter " + name + " is neither true nor false"))
	}
	return value
}

func (p *parameters) offlineAccess() bool {
	switch p.single("access_type") {
	case "offline":
		return true
	case "", "online":
		return false
	default:
		p.fail(reply.Invalid("the parameter access_type is neither online nor offline"))
		return false
	}
}
