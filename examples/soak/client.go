package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"
)

// A client asks for tokens in all ways there are, one after another, for those users that are its own and for nobody.
type client struct {
	load    *load
	http    *http.Client
	address string
	random  *rand.Rand
	logins  []login
}

// A login is a user who has a refresh token.
type login struct {
	account      account
	refreshToken string
}

// work asks until ctx is done. A request that has begun is finished.
func (c *client) work(ctx context.Context) {
	for ctx.Err() == nil {
		c.load.gate.RLock()
		c.askOnce()
		c.load.gate.RUnlock()
	}
}

func (c *client) askOnce() {
	who, refreshToken := account{}, ""
	if len(c.logins) > 0 && c.random.IntN(4) > 0 {
		l := c.logins[c.random.IntN(len(c.logins))]
		who, refreshToken = l.account, l.refreshToken
	}
	asked := newQuestions(c.random, who, c.load.server.people)
	form := url.Values{"service": {serviceName}, "client_id": {"soak"}}
	for _, q := range asked {
		form.Add("scope", q.String())
	}
	var r *http.Request
	switch way := c.random.IntN(3); {
	case who.name != "" && way == 0:
		form.Set("grant_type", "refresh_token")
		form.Set("refresh_token", refreshToken)
		r = c.post(form)
		c.load.refreshed.Add(1)
	case who.name != "" && way == 1:
		form.Set("grant_type", "password")
		form.Set("username", who.name)
		form.Set("password", who.password)
		form["scope"] = []string{strings.Join(form["scope"], " ")}
		r = c.post(form)
	default:
		r = c.get(form, who)
	}
	begun := time.Now()
	a, err := c.do(r)
	took := time.Since(begun)
	if times := c.load.times.Load(); times != nil {
		times.Add(took)
	}
	c.load.answered.Add(1)
	if err == nil {
		err = c.check(a, who, asked)
	}
	if err != nil {
		c.load.wrong("%s %s as %q: %v", r.Method, form["scope"], who.name, err)
	}
}

func (c *client) get(form url.Values, who account) *http.Request {
	r := newRequest(http.MethodGet, c.load.server.URL+"?"+form.Encode(), http.NoBody, c.address)
	if who.name != "" {
		r.SetBasicAuth(who.name, who.password)
	}
	return r
}

func (c *client) post(form url.Values) *http.Request {
	r := newRequest(http.MethodPost, c.load.server.URL, strings.NewReader(form.Encode()), c.address)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// newRequest is not ended with the soak: a request that has begun is to be answered.
func newRequest(method, at string, body io.Reader, address string) *http.Request {
	r, err := http.NewRequestWithContext(context.Background(), method, at, body)
	if err != nil {
		panic(err) // the address is the server's own
	}
	r.Header.Set(addressHeader, address)
	return r
}

// An answer is what the server says.
type answer struct {
	Token        string `json:"token"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"`
}

func (c *client) do(r *http.Request) (*answer, error) {
	response, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d: %s", response.StatusCode, text)
	}
	a := new(answer)
	return a, json.Unmarshal(text, a)
}

// logIn gets a refresh token for a user, who is the client's own from now on.
func (c *client) logIn(ctx context.Context, who account) error {
	r := c.get(url.Values{"service": {serviceName}, "offline_token": {"true"}}, who)
	a, err := c.do(r.WithContext(ctx))
	if err != nil {
		return err
	}
	if a.RefreshToken == "" {
		return errors.New("no refresh token")
	}
	c.logins = append(c.logins, login{who, a.RefreshToken})
	return c.check(a, who, nil)
}

// A claim is what a token has to say.
type claims struct {
	Subject  string  `json:"sub"`
	Audience string  `json:"aud"`
	Issuer   string  `json:"iss"`
	Access   []entry `json:"access"`
}

type entry struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// verifyEach is how many tokens there are for one that distribution looks at.
const verifyEach = 1000

// check compares an answer with what the oracle says.
func (c *client) check(a *answer, who account, asked []question) error {
	if a.Token != a.AccessToken || a.ExpiresIn < 60 {
		return fmt.Errorf("two tokens, or for %d seconds only", a.ExpiresIn)
	}
	parts := strings.Split(a.Token, ".")
	if len(parts) != 3 {
		return errors.New("the token is not a JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var got claims
	if err := json.Unmarshal(payload, &got); err != nil {
		return err
	}
	wanted := claims{Subject: who.name, Audience: serviceName, Issuer: issuerName, Access: []entry{}}
	granted := expected(who, asked)
	for _, q := range granted {
		wanted.Access = append(wanted.Access, entry{q.kind, q.name, q.actions})
	}
	if !reflect.DeepEqual(got, wanted) {
		return fmt.Errorf("the token says %+v, and should say %+v", got, wanted)
	}
	if c.load.tokens.Add(1)%verifyEach != 0 {
		return nil
	}
	c.load.verified.Add(1)
	return c.load.verifier.verify(a.Token, who.name, granted)
}
