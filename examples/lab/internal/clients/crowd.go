// Package clients has the kinds of clients that a token server has: those without credentials, with
// a password that was checked before or was not, with a refresh token, and those that guess.
package clients

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"

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
	Rate    int          // requests in a second, or 0
	Scopes  []string     // asked for by turns, one with each request
	Users   []User       // by turns
	From    []netip.Addr // what a proxy would say, by turns; nil is an address for each client
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
func (e *Endpoint) Anonymous(c Crowd) attack.Group {
	return e.gets(c, func(int) string { return "" })
}

// Logins are with the password of a user.
func (e *Endpoint) Logins(c Crowd) attack.Group {
	credentials := make([]string, len(c.Users))
	for i, u := range c.Users {
		credentials[i] = basic(u.Name, u.Password)
	}
	return e.gets(c, func(n int) string { return credentials[n%len(credentials)] })
}

// FirstLogins are one for each user. Then the group ends.
func (e *Endpoint) FirstLogins(c Crowd) attack.Group {
	g := e.Logins(c)
	g.Limit = len(c.Users)
	return g
}

// Refreshes are with the refresh tokens of users.
func (e *Endpoint) Refreshes(c Crowd, refreshTokens []string) attack.Group {
	c.setFrom()
	bodies := make([]string, len(refreshTokens))
	for i, token := range refreshTokens {
		bodies[i] = url.Values{
			"grant_type": {"refresh_token"}, "service": {e.Service},
			"client_id": {"lab"}, "refresh_token": {token},
		}.Encode() + "&scope="
	}
	g := e.gets(c, func(int) string { return "" })
	g.Write = func(n int, t *attack.Target) {
		t.Method, t.URL = http.MethodPost, e.URL
		t.Body = []byte(bodies[n%len(bodies)] + url.QueryEscape(c.scope(n, len(bodies))))
		t.Header = c.header(n, "")
		t.Header["Content-Type"] = []string{"application/x-www-form-urlencoded"}
	}
	return g
}

// Guesses are with another wrong password each time, of the users or of names that nobody has.
func (e *Endpoint) Guesses(c Crowd) attack.Group {
	prefix := rand.Text()
	g := e.gets(c, func(n int) string {
		name := fmt.Sprintf("nobody%d", n%max(c.Clients, 1))
		if len(c.Users) > 0 {
			name = c.Users[n%len(c.Users)].Name
		}
		return basic(name, fmt.Sprint(prefix, n))
	})
	g.Judge = func(_ int, a attack.Answer) error {
		if a.Status == http.StatusUnauthorized || a.Busy() {
			return nil
		}
		return fmt.Errorf("a wrong password got %s", a.Describe())
	}
	return g
}

// gets are GET requests that should get a token.
func (e *Endpoint) gets(c Crowd, credentials func(n int) string) attack.Group {
	c.setFrom()
	base := e.URL + "?" + url.Values{"service": {e.Service}, "client_id": {"lab"}}.Encode()
	return attack.Group{
		Name: c.Name, Clients: c.Clients, Rate: c.Rate,
		Write: func(n int, t *attack.Target) {
			t.Method, t.URL = http.MethodGet, base
			if len(c.Scopes) > 0 {
				t.URL += "&scope=" + c.scope(n, max(len(c.Users), 1))
			}
			t.Header = c.header(n, credentials(n))
		},
		Judge: e.judgeToken(),
	}
}

// judgeToken lets answers pass that have a token or say that the server is busy.
func (e *Endpoint) judgeToken() func(int, attack.Answer) error {
	tokens := 0
	return func(_ int, a attack.Answer) error {
		if a.Busy() {
			return nil
		}
		token := findToken(a.Body)
		if a.Status != http.StatusOK || len(token) == 0 {
			return fmt.Errorf("no token, but %s", a.Describe())
		}
		if tokens++; e.Verify == nil || tokens%verifyEach != 1 {
			return nil
		}
		return e.Verify(string(token))
	}
}

// findToken returns the token in an answer, or nil. It reads no JSON, to leave the time to the
// server: a token has no characters that JSON escapes.
func findToken(answer []byte) []byte {
	_, after, _ := bytes.Cut(answer, []byte(`token":"`))
	token, _, closed := bytes.Cut(after, []byte(`"`))
	if !closed {
		return nil
	}
	return token
}

// scope is what the n-th request asks for. All users ask for all scopes.
func (c *Crowd) scope(n, users int) string {
	if len(c.Scopes) == 0 {
		return ""
	}
	return c.Scopes[(n+n/users)%len(c.Scopes)]
}

func (c *Crowd) setFrom() {
	if c.From == nil {
		c.From = Addresses(10, max(c.Clients, 1))
	}
}

func (c *Crowd) header(n int, credentials string) http.Header {
	h := http.Header{AddressHeader: {c.From[n%len(c.From)].String()}}
	if credentials != "" {
		h["Authorization"] = []string{credentials}
	}
	return h
}

func basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

// Addresses are of a network of private addresses.
func Addresses(network byte, count int) []netip.Addr {
	list := make([]netip.Addr, count)
	for i := range list {
		list[i] = netip.AddrFrom4([4]byte{network, 16, byte(i >> 8), byte(i)})
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
