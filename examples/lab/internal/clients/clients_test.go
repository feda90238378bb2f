package clients

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
)

// What clients of each kind send: "method user:password scope refresh_token address".
func TestRequests(t *testing.T) {
	e := &Endpoint{Service: "s"}
	crowd := func(change func(*Crowd)) Crowd {
		c := Crowd{Clients: 2, Scopes: []string{"a:1:x", "a:2:x"}, Users: []User{
			{Name: "alice", Password: "wonderland"}, {Name: "bob", Password: "builder"},
		}}
		change(&c)
		return c
	}
	same := func(*Crowd) {}
	proxied := []string{"192.0.2.7"}
	alone := func(c *Crowd) { c.Users, c.From = nil, proxied }
	for name, test := range map[string]struct {
		group attack.Group
		want  []string // of the first requests
		limit int
	}{
		"anonymous": {e.Anonymous(crowd(alone)), []string{
			"GET - a:1:x - 192.0.2.7", "GET - a:1:x - 192.0.2.7",
		}, 0},
		"logins": {e.Logins(crowd(same)), []string{
			"GET alice:wonderland a:1:x - 10.16.0.0", "GET bob:builder a:2:x - 10.16.0.1",
			"GET alice:wonderland a:2:x - 10.16.0.0", "GET bob:builder a:1:x - 10.16.0.1",
		}, 0},
		"first logins": {e.FirstLogins(crowd(same)), []string{
			"GET alice:wonderland a:1:x - 10.16.0.0", "GET bob:builder a:2:x - 10.16.0.1",
		}, 2},
		"refreshes": {e.Refreshes(crowd(same), []string{"r1", "r2"}), []string{
			"POST - a:1:x r1 10.16.0.0", "POST - a:2:x r2 10.16.0.1",
			"POST - a:2:x r1 10.16.0.0",
		}, 0},
		"guesses without users": {e.Guesses(crowd(alone)), []string{
			"GET nobody0:* a:1:x - 192.0.2.7", "GET nobody1:* a:1:x - 192.0.2.7",
		}, 0},
		"guesses": {e.Guesses(crowd(same)), []string{
			"GET alice:* a:1:x - 10.16.0.0", "GET bob:* a:2:x - 10.16.0.1",
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if test.group.Limit != test.limit {
				t.Errorf("the limit is %d", test.group.Limit)
			}
			passwords := make(map[string]bool)
			for n, want := range test.want {
				var target attack.Target
				test.group.Write(n, &target)
				r, err := target.Request()
				if err != nil {
					t.Fatal(err)
				}
				user, password, ok := r.BasicAuth()
				if strings.Contains(want, ":*") {
					if passwords[password] {
						t.Error("a guess is made twice")
					}
					passwords[password], password = true, "*"
				}
				credentials := "-"
				if ok {
					credentials = user + ":" + password
				}
				got := fmt.Sprintf("%s %s %s %s %s", r.Method, credentials, r.FormValue("scope"),
					orDash(r.FormValue("refresh_token")), r.Header.Get(AddressHeader))
				if got != want || r.FormValue("service") != "s" {
					t.Errorf("request %d is %s, want %s", n, got, want)
				}
			}
		})
	}
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func TestAnswers(t *testing.T) {
	refused := errors.New("refused by the registry")
	e := &Endpoint{Verify: func(token string) error {
		if token != "good" {
			return refused
		}
		return nil
	}}
	for name, test := range map[string]struct {
		status       int
		body         string
		token, guess bool // whether the answer is right
	}{
		"a token":                 {200, `{"token":"good"}`, true, false},
		"an access token":         {200, `{"access_token":"good","expires_in":1}`, true, false},
		"a token of somebody":     {200, `{"token":"bad"}`, false, false},
		"no token":                {200, `{}`, false, false},
		"half an answer":          {200, `{"token":"goo`, false, false},
		"unauthorized":            {401, ``, false, true},
		"too many failures":       {429, ``, true, true},
		"too busy":                {503, ``, true, true},
		"an error":                {500, ``, false, false},
		"an error with the token": {500, `{"token":"good"}`, false, false},
	} {
		answer := attack.Answer{Status: test.status, Body: []byte(test.body)}
		if err := e.Anonymous(Crowd{}).Judge(0, answer); (err == nil) != test.token {
			t.Errorf("%s: %v", name, err)
		}
		if err := e.Guesses(Crowd{}).Judge(0, answer); (err == nil) != test.guess {
			t.Errorf("%s, for a guess: %v", name, err)
		}
	}
}

// One token in a hundred is verified, the first among them.
func TestVerifying(t *testing.T) {
	verified := 0
	e := &Endpoint{Verify: func(string) error { verified++; return nil }}
	judge := e.Anonymous(Crowd{}).Judge
	for n := range 201 {
		if err := judge(n, attack.Answer{Status: 200, Body: []byte(`{"token":"x"}`)}); err != nil {
			t.Fatal(err)
		}
	}
	if verified != 3 {
		t.Errorf("%d of 201 tokens were verified", verified)
	}
}

// A server that is busy is asked again, and a login that fails says whose it is.
func TestLogins(t *testing.T) {
	var busy sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		busy.Do(func() { status = http.StatusServiceUnavailable })
		name, password, _ := r.BasicAuth()
		if password != "right" {
			status = http.StatusUnauthorized
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"refresh_token":"of `+name+r.FormValue("offline_token")+`"}`)
	}))
	defer server.Close()
	e := &Endpoint{URL: server.URL, Service: "s"}
	c := Crowd{Users: []User{{Name: "alice", Password: "right"}, {Name: "bob", Password: "right"}}}
	tokens, err := e.LogIn(t.Context(), c, true)
	if err != nil || tokens[0] != "of alicetrue" || tokens[1] != "of bobtrue" {
		t.Errorf("%q, %v", tokens, err)
	}
	if _, err := e.LogIn(t.Context(), c, false); err != nil {
		t.Error(err)
	}
	c.Users[1].Password = "secret"
	_, err = e.LogIn(t.Context(), c, false)
	if err == nil || !strings.Contains(err.Error(), "bob: 401") ||
		strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}
