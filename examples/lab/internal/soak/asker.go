package soak

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
	"github.com/berthpass/registry-auth/examples/lab/internal/target"
	"github.com/berthpass/registry-auth/scope"
)

// verifyEach is the number of tokens of which one is shown to a registry.
const verifyEach = 1000

// A question is a request and who makes it.
type question struct {
	asker  clients.User // the zero value is nobody
	user   int          // its index
	scopes []scope.Scope
	way    int // one of the constants below
}

const (
	get = iota
	postPassword
	postRefreshToken
	ways
)

// An asker asks, as all users and as nobody, in all ways that there are. The n-th question is the
// same whenever it is made, so that its answer can be judged without remembering it.
type asker struct {
	url           string
	users         []clients.User
	refreshTokens []string // of the users
	addresses     []netip.Addr
	table         []entry
	verify        func(token, subject string, granted []scope.Scope) error
	tokens        atomic.Uint64
}

func (a *asker) question(n int) question {
	random := rand.New(rand.NewPCG(1, uint64(n))) //nolint:gosec // it only mixes the load
	q := question{}
	if random.IntN(4) > 0 {
		q.user, q.way = random.IntN(len(a.users)), random.IntN(ways)
		q.asker = a.users[q.user]
	}
	q.scopes = newScopes(random, q.asker, a.users)
	return q
}

// write sends the n-th question.
func (a *asker) write(n int, t *attack.Target) {
	q := a.question(n)
	form := url.Values{"service": {target.Service}, "client_id": {"soak"}}
	for _, s := range q.scopes {
		form.Add("scope", s.String())
	}
	t.Header = http.Header{clients.AddressHeader: {a.addresses[n%len(a.addresses)].String()}}
	if q.way == get {
		t.Method, t.URL = http.MethodGet, a.url+"?"+form.Encode()
		if q.asker.Name != "" {
			credentials := []byte(q.asker.Name + ":" + q.asker.Password)
			t.Header["Authorization"] = []string{
				"Basic " + base64.StdEncoding.EncodeToString(credentials),
			}
		}
		return
	}
	if q.way == postPassword {
		form.Set("grant_type", "password")
		form.Set("username", q.asker.Name)
		form.Set("password", q.asker.Password)
		form["scope"] = []string{strings.Join(form["scope"], " ")}
	} else {
		form.Set("grant_type", "refresh_token")
		form.Set("refresh_token", a.refreshTokens[q.user])
	}
	t.Method, t.URL, t.Body = http.MethodPost, a.url, []byte(form.Encode())
	t.Header["Content-Type"] = []string{"application/x-www-form-urlencoded"}
}

// judge compares the answer to the n-th question with what the oracle says.
func (a *asker) judge(n int, answer attack.Answer) error {
	q := a.question(n)
	if err := a.judgeQuestion(&q, answer); err != nil {
		return fmt.Errorf("%q asks for %v: %w", q.asker.Name, q.scopes, err)
	}
	return nil
}

func (a *asker) judgeQuestion(q *question, answer attack.Answer) error {
	if answer.Status != http.StatusOK {
		return fmt.Errorf("got %s", answer.Describe())
	}
	var body struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := json.Unmarshal(answer.Body, &body); err != nil {
		return fmt.Errorf("the answer is no JSON: %w", err)
	}
	if body.Token != body.AccessToken || body.ExpiresIn < 60 {
		return fmt.Errorf("two tokens, or for %d seconds only", body.ExpiresIn)
	}
	got, err := target.ReadClaims(body.Token)
	if err != nil {
		return err
	}
	granted := expected(a.table, q.asker, q.scopes)
	want := target.Claims{
		Issuer: target.Issuer, Subject: q.asker.Name, Audience: target.Service, Access: granted,
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("the token says %+v, and should say %+v", got, want)
	}
	if a.tokens.Add(1)%verifyEach != 1 {
		return nil
	}
	return a.verify(body.Token, q.asker.Name, granted)
}

// judgeGuess wants a wrong password to be refused, as wrong, or with the time to wait because there
// are too many of them or too many checks are under way.
func judgeGuess(answer attack.Answer) error {
	if answer.Status == http.StatusUnauthorized || answer.Busy() && answer.MayRetry {
		return nil
	}
	return fmt.Errorf("a wrong password got %s", answer.Describe())
}
