package auth

import (
	"encoding/json"
	"io"
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

// write writes the answer's JSON. Clients of the specification read token, OAuth2 clients access_token: both are the same. A token
// is base64url and dots (RFC 7515, section 3.1) and needs no escaping; an encoder that looks for what to escape in it, twice, costs
// more than all else here.
func (a *answer) write(w http.ResponseWriter) {
	const first, second = `{"token":"`, `","access_token":"`
	rest := a.rest()
	writeHeader(w, http.StatusOK, len(first)+len(second)+2*len(a.token)+len(rest))
	for _, part := range []string{first, a.token, second, a.token} {
		_, _ = io.WriteString(w, part) // an error means that the client is gone
	}
	_, _ = w.Write(rest)
}

// rest is what follows the token. What the grammar of scopes allows needs no escaping either.
func (a *answer) rest() []byte {
	const usual = 128
	granted := ""
	if a.oauth {
		granted = scope.Format(a.granted)
	}
	b := make([]byte, 0, usual+len(granted))
	b = append(b, `","expires_in":`...)
	b = strconv.AppendInt(b, int64(a.lifetime/time.Second), 10)
	b = append(b, `,"issued_at":"`...)
	b = a.issuedAt.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, '"')
	if a.oauth { // RFC 6749, section 5.1; the scope even when it is empty
		b = append(b, `,"token_type":"Bearer","scope":"`...)
		b = append(b, granted...)
		b = append(b, '"')
	}
	if a.refreshToken != "" {
		b = append(b, `,"refresh_token":`...)
		b = append(b, marshal(string(a.refreshToken))...)
	}
	return append(b, '}')
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

func writeJSON(w http.ResponseWriter, status int, body any) {
	text := marshal(body)
	writeHeader(w, status, len(text))
	_, _ = w.Write(text) // an error means that the client is gone
}

// writeHeader begins an answer that nobody may keep: it holds a token, or says who may not have one.
func writeHeader(w http.ResponseWriter, status, length int) {
	values := []string{"application/json", "no-store", "no-cache", "nosniff", strconv.Itoa(length)} // one allocation for all
	h := w.Header()
	for i, name := range []string{"Content-Type", "Cache-Control", "Pragma", "X-Content-Type-Options", "Content-Length"} {
		h[name] = values[i : i+1 : i+1]
	}
	w.WriteHeader(status)
}

func marshal(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil { // strings and numbers always marshal
		panic(err)
	}
	return text
}
