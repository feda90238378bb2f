// Package clients has the kinds of clients that a token server has: those without credentials, with
// a password that was checked before or was not, with a refresh token, and those that guess.
package clients

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
)

// A User can log in.
type User struct {
	Name, Password string
	Groups         []string
}

// A Crowd is a number of clients of the same kind.
type Crowd struct {
	Name    string
	Clients int
	Rate    int      // requests in a second, or 0
	Scopes  []string // asked for by turns, one with each request
	Users   []User   // by turns
	From    []string // addresses that a proxy would say, by turns; nil is one for each client
}

// AddressHeader tells the server the address of a client, as a proxy does.
const AddressHeader = "X-Forwarded-For"

// verifyEach is the number of tokens of which one is verified.
const verifyEach = 100

// An Endpoint is a token server.
type Endpoint struct {
	URL, Service string
	Verify       func(token string) error // nil verifies nothing
}

// Anonymous clients have no credentials.
func (e *Endpoint) Anonymous(c Crowd) attack.Group { return e.group(c, func(int, *Request) {}) }

// Logins are with the password of a user.
func (e *Endpoint) Logins(c Crowd) attack.Group {
	return e.group(c, func(n int, r *Request) { r.User = c.Users[n%len(c.Users)] })
}

// FirstLogins are one for each user. Then the group ends.
func (e *Endpoint) FirstLogins(c Crowd) attack.Group {
	g := e.Logins(c)
	g.Limit = len(c.Users)
	return g
}

// Refreshes are with the refresh tokens of users.
func (e *Endpoint) Refreshes(c Crowd, refreshTokens []string) attack.Group {
	return e.group(c, func(n int, r *Request) {
		r.RefreshToken = refreshTokens[n%len(refreshTokens)]
	})
}

// Guesses are with another wrong password each time, of the users or of names that nobody has.
func (e *Endpoint) Guesses(c Crowd) attack.Group {
	prefix := rand.Text()
	g := e.group(c, func(n int, r *Request) {
		r.User.Name = fmt.Sprintf("nobody%d", n%max(c.Clients, 1))
		if len(c.Users) > 0 {
			r.User = c.Users[n%len(c.Users)]
		}
		r.User.Password = fmt.Sprint(prefix, n)
	})
	g.Judge = func(_ int, a attack.Answer) error {
		if a.Status == http.StatusUnauthorized || a.Busy() {
			return nil
		}
		return fmt.Errorf("a wrong password got %s", a.Describe())
	}
	return g
}

// group is clients that should get tokens. All users ask for all scopes.
func (e *Endpoint) group(c Crowd, credentials func(n int, r *Request)) attack.Group {
	if c.From == nil {
		c.From = Addresses(max(c.Clients, 1))
	}
	return attack.Group{
		Name: c.Name, Clients: c.Clients, Rate: c.Rate, Judge: e.judgeToken(),
		Write: func(n int, t *attack.Target) {
			r := Request{From: c.From[n%len(c.From)]}
			if len(c.Scopes) > 0 {
				i := (n + n/max(len(c.Users), 1)) % len(c.Scopes)
				r.Scopes = c.Scopes[i : i+1]
			}
			credentials(n, &r)
			e.Write(&r, t)
		},
	}
}

// A Request is one for a token.
type Request struct {
	From         string // address of the client
	Scopes       []string
	User         User // the zero value is nobody
	RefreshToken string
	Post         bool // the password too
}

// Write sets what is sent.
func (e *Endpoint) Write(r *Request, t *attack.Target) {
	form := url.Values{"service": {e.Service}, "client_id": {"lab"}, "scope": r.Scopes}
	t.Header = http.Header{AddressHeader: {r.From}}
	switch {
	case r.RefreshToken != "":
		form.Set("grant_type", "refresh_token")
		form.Set("refresh_token", r.RefreshToken)
	case r.Post:
		form.Set("grant_type", "password")
		form.Set("username", r.User.Name)
		form.Set("password", r.User.Password)
		form.Set("scope", strings.Join(r.Scopes, " ")) // the other form of a list
	default:
		t.Method, t.URL = http.MethodGet, e.URL+"?"+form.Encode()
		if r.User.Name != "" {
			credentials := []byte(r.User.Name + ":" + r.User.Password)
			basic := "Basic " + base64.StdEncoding.EncodeToString(credentials)
			t.Header["Authorization"] = []string{basic}
		}
		return
	}
	t.Method, t.URL, t.Body = http.MethodPost, e.URL, []byte(form.Encode())
	t.Header["Content-Type"] = []string{"application/x-www-form-urlencoded"}
}

// judgeToken lets answers pass that have a token or say that the server is busy. It reads no JSON,
// to leave the time to the server: a token has no characters that JSON escapes.
func (e *Endpoint) judgeToken() func(int, attack.Answer) error {
	tokens := 0
	return func(_ int, a attack.Answer) error {
		if a.Busy() {
			return nil
		}
		_, after, _ := bytes.Cut(a.Body, []byte(`token":"`))
		token, _, closed := bytes.Cut(after, []byte(`"`))
		if a.Status != http.StatusOK || !closed || len(token) == 0 {
			return fmt.Errorf("no token, but %s", a.Describe())
		}
		if tokens++; e.Verify == nil || tokens%verifyEach != 1 {
			return nil
		}
		return e.Verify(string(token))
	}
}

// Addresses are of a private network.
func Addresses(count int) []string {
	list := make([]string, count)
	for i := range list {
		list[i] = fmt.Sprintf("10.16.%d.%d", i>>8, i&0xff)
	}
	return list
}

// Scopes are of images that anybody may pull, below public/.
func Scopes(images int) []string {
	list := make([]string, images)
	for i := range list {
		list[i] = fmt.Sprintf("repository:public/image%d:pull", i)
	}
	return list
}

// Users makes users. They share a password because hashing one takes as long as checking one.
func Users(prefix string, count int) []User {
	list := make([]User, count)
	for i := range list {
		list[i] = User{Name: fmt.Sprintf("%s%d", prefix, i), Password: "the password of a user"}
	}
	return list
}
