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

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
)

// The largest request that is read. Real ones are a hundredth of it.
const (
	maxQueryBytes = 32 << 10
	maxBodyBytes  = 32 << 10
	maxParameters = 400 // a scope may be one, and unknown ones are ignored
	maxScopes     = 100
)

// How a client asks for a token, as [AuditRecord] names it.
const (
	GrantAnonymous    = "anonymous"     // GET without credentials, by nobody that an authenticator knows
	GrantConnection   = "connection"    // the same, by a client that is known by its connection, such as by a certificate
	GrantBasic        = "basic"         // GET with a user name and a password (RFC 7617)
	GrantPassword     = "password"      // POST, RFC 6749, section 4.3
	GrantRefreshToken = "refresh_token" // POST, RFC 6749, section 6
)

// A tokenRequest is what a client asks for, however it was sent.
type tokenRequest struct {
	grant     string
	service   string
	clientID  string
	account   string
	scopes    []scope.Scope // at most maxScopes
	malformed []*scope.ParseError
	// username and password are empty for the grants anonymous and refresh_token.
	username     string
	password     authn.Secret
	refreshToken authn.Secret
	// offline asks for a refresh token in the answer.
	offline bool
}

// parseRequest reads a token request. With an error, what was read until then is returned for the audit.
func parseRequest(w http.ResponseWriter, r *http.Request) (*tokenRequest, error) {
	switch r.Method {
	case http.MethodGet:
		return parseGet(r)
	case http.MethodPost:
		return parsePost(w, r)
	default:
		return &tokenRequest{}, methodNotAllowed()
	}
}

// parseGet reads the specification's own form: parameters in the query, credentials by HTTP Basic.
func parseGet(r *http.Request) (*tokenRequest, error) {
	req := &tokenRequest{grant: GrantAnonymous}
	if len(r.URL.RawQuery) > maxQueryBytes {
		return req, tooLarge(http.StatusRequestURITooLong, "query", maxQueryBytes)
	}
	query, err := parseParameters(r.URL.RawQuery, "query")
	if err != nil {
		return req, err
	}
	p := parameters{list: query}
	req.clientID = p.clientID()
	req.service = p.service()
	req.account = p.single("account")
	req.offline = p.boolean("offline_token")
	req.readScopes(&p)
	if err := req.readBasic(r); err != nil {
		return req, err
	}
	if req.account != "" && req.username != "" && req.account != req.username {
		p.fail(invalidRequest("the account parameter is not the user who authenticates"))
	}
	return req, p.err
}

// parsePost reads the OAuth2 form: everything in the body. Neither the query nor HTTP Basic is looked at for credentials, and
// a client that sends the latter as well is refused, since it is not clear who it is.
func parsePost(w http.ResponseWriter, r *http.Request) (*tokenRequest, error) {
	req := &tokenRequest{}
	form, err := readForm(w, r)
	if err != nil {
		return req, err
	}
	p := parameters{list: form}
	req.grant = p.single("grant_type")
	req.clientID = p.clientID()
	req.service = p.service()
	req.offline = p.offlineAccess()
	req.readScopes(&p)
	if len(r.Header.Values("Authorization")) > 0 {
		p.fail(invalidRequest("credentials in the Authorization header and in the form"))
	}
	switch req.grant {
	case GrantPassword:
		req.username = p.required("username")
		req.password = authn.Secret(p.required("password"))
	case GrantRefreshToken:
		req.refreshToken = authn.Secret(p.required("refresh_token"))
	case "":
		p.fail(invalidRequest("the parameter grant_type is missing"))
	default:
		req.grant = "" // the client's text stays out of the audit, where grants are a closed set
		p.fail(unsupportedGrantType())
	}
	return req, p.err
}

func readForm(w http.ResponseWriter, r *http.Request) ([]parameter, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/x-www-form-urlencoded" || r.Header.Get("Content-Encoding") != "" {
		return nil, unsupportedMediaType()
	}
	body, err := readText(http.MaxBytesReader(w, r.Body, maxBodyBytes), r.ContentLength)
	if tooBig := new(http.MaxBytesError); errors.As(err, &tooBig) {
		return nil, tooLarge(http.StatusRequestEntityTooLarge, "body", maxBodyBytes)
	}
	if err != nil {
		return nil, invalidRequest("the body could not be read")
	}
	return parseParameters(body, "body")
}

// readText reads a body into memory of the announced length, and of the greatest where none is announced: [io.ReadAll] would
// allocate a large body five times over, and the string of it once more.
func readText(body io.Reader, announced int64) (string, error) {
	if announced < 0 || announced > maxBodyBytes {
		announced = maxBodyBytes
	}
	var text strings.Builder
	text.Grow(int(announced))
	_, err := io.CopyBuffer(&text, body, make([]byte, 1<<10))
	return text.String(), err
}

// A parameter of a query or a body.
type parameter struct{ name, value string }

// parseParameters reads a query or a body as [url.ParseQuery] does, and so refuses what r.URL.Query leaves out: "service=a;scope=b" would
// become another request. A list of a few is made and searched in half the time of a map.
func parseParameters(text, what string) ([]parameter, error) {
	count := strings.Count(text, "&") + 1
	if count > maxParameters {
		return nil, invalidRequest(fmt.Sprintf("the %s has more than %d parameters", what, maxParameters))
	}
	list := make([]parameter, 0, count)
	for part := range strings.SplitSeq(text, "&") {
		if part == "" {
			continue
		}
		p, err := parseParameter(part)
		if err != nil {
			return nil, invalidRequest("the " + what + " is not well-formed")
		}
		list = append(list, p)
	}
	return list, nil
}

func parseParameter(text string) (p parameter, err error) {
	if strings.Contains(text, ";") {
		return p, errors.New("a semicolon that is not escaped") // once a separator (HTML 4.01, appendix B.2.2)
	}
	name, value, _ := strings.Cut(text, "=")
	if p.name, err = url.QueryUnescape(name); err != nil {
		return p, err
	}
	p.value, err = url.QueryUnescape(value)
	return p, err
}

// readScopes reads the scopes that are asked for. Malformed ones are left out when there are others: crane sends lists with
// both. Only a request of which nothing is left is refused; "repository:team/app: pull" leaves a scope without an action, and
// its client had better learn why it may do nothing.
func (req *tokenRequest) readScopes(p *parameters) {
	values := p.all("scope")
	if moreScopesThan(maxScopes, values) {
		p.fail(invalidScope(fmt.Sprintf("more than %d scopes are asked for", maxScopes)))
		return
	}
	list, malformed := scope.ParseList(values...)
	req.scopes, req.malformed = list, malformed
	if len(malformed) > 0 && !slices.ContainsFunc(list, func(s scope.Scope) bool { return len(s.Actions) > 0 }) {
		p.fail(invalidScope(malformed[0].Error()))
	}
}

// moreScopesThan counts no further than it has to: a hostile list holds thousands.
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

// parameters looks for the values of a query or a form and keeps the first error.
type parameters struct {
	list []parameter
	err  error
}

func (p *parameters) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

// single returns the value of a parameter that may be sent once (RFC 6749, section 3.2).
func (p *parameters) single(name string) string {
	value, found := p.first(name)
	if found > 1 {
		p.fail(invalidRequest("the parameter " + name + " is sent more than once"))
	}
	return value
}

// first returns the first value of a parameter, and how many there are.
func (p *parameters) first(name string) (value string, found int) {
	for _, each := range p.list {
		if each.name != name {
			continue
		}
		if found == 0 {
			value = each.value
		}
		found++
	}
	return value, found
}

// all returns the values of a parameter.
func (p *parameters) all(name string) []string {
	var values []string
	for _, each := range p.list {
		if each.name == name {
			values = append(values, each.value)
		}
	}
	return values
}

func (p *parameters) required(name string) string {
	value := p.single(name)
	if value == "" {
		p.fail(invalidRequest("the parameter " + name + " is missing"))
	}
	return value
}

// service tells a missing parameter, for which a server of one service has a default, from an empty one.
func (p *parameters) service() string {
	service := p.single("service")
	if _, found := p.first("service"); service == "" && found > 0 {
		p.fail(invalidRequest("the parameter service is empty"))
	}
	return service
}

// clientID returns the client's name for itself, VSCHAR only (RFC 6749, appendix A.1).
func (p *parameters) clientID() string {
	id := p.single("client_id")
	if len(id) > maxClientIDBytes || strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r > '~' }) {
		p.fail(invalidRequest("the parameter client_id is too long or contains other than printable ASCII characters"))
		return ""
	}
	return id
}

const maxClientIDBytes = 255

func (p *parameters) boolean(name string) bool {
	text := p.single(name)
	if text == "" {
		return false
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		p.fail(invalidRequest("the parameter " + name + " is neither true nor false"))
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
		p.fail(invalidRequest("the parameter access_type is neither online nor offline"))
		return false
	}
}
