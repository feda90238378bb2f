package auth

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
)

// An answer is a granted token request.
type answer struct {
	token        string
	issuedAt     time.Time
	lifetime     time.Duration
	granted      []scope.Scope
	refreshToken authn.Secret
	oauth        bool // answers a POST
}

// tokenBody is the answer's JSON. Clients of the specification read token, OAuth2 clients access_token: both are the same.
type tokenBody struct {
	Token        string  `json:"token"`
	AccessToken  string  `json:"access_token"`
	TokenType    string  `json:"token_type,omitempty"` // RFC 6749, section 5.1
	Scope        *string `json:"scope,omitempty"`      // in the answer to a POST, even when it is empty
	ExpiresIn    int     `json:"expires_in"`           // seconds
	IssuedAt     string  `json:"issued_at"`            // RFC 3339, UTC
	RefreshToken string  `json:"refresh_token,omitempty"`
}

func (a *answer) write(w http.ResponseWriter) {
	body := tokenBody{
		Token:        a.token,
		AccessToken:  a.token,
		ExpiresIn:    int(a.lifetime / time.Second),
		IssuedAt:     a.issuedAt.UTC().Format(time.RFC3339),
		RefreshToken: string(a.refreshToken),
	}
	if a.oauth {
		granted := scope.Format(a.granted)
		body.Scope, body.TokenType = &granted, "Bearer"
	}
	writeJSON(w, http.StatusOK, body)
}

// errorBody serves the clients that read "errors" (docker, containerd, oras, regclient) and those that read "error" (OAuth2,
// RFC 6749, section 5.2).
type errorBody struct {
	Errors           []registryError `json:"errors"`
	Error            string          `json:"error"`
	ErrorDescription string          `json:"error_description"`
}

type registryError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (p *problem) write(w http.ResponseWriter, realm string) {
	switch p.status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Basic realm="+quote(realm))
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", "GET, POST")
	}
	if p.retryAfter > 0 {
		seconds := (p.retryAfter + time.Second - 1) / time.Second // rounded up, or the client comes too early
		w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
	}
	writeJSON(w, p.status, newErrorBody(p.code, p.oauth, p.message))
}

func newErrorBody(code, oauth, message string) errorBody {
	return errorBody{
		Errors:           []registryError{{Code: code, Message: message}},
		Error:            oauth,
		ErrorDescription: message,
	}
}

// writeJSON writes an answer that nobody may keep: it holds a token, or says who may not have one.
func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // strings and numbers always marshal
		panic(err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // an error means that the client is gone
}
