package soak

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
	"github.com/berthpass/registry-auth/examples/lab/internal/target"
	"github.com/berthpass/registry-auth/scope"
)

// verifyEach is the number of tokens of which one is shown to a registry.
const verifyEach = 1000

// An asker asks, as all users and as nobody, in all ways that there are. The n-th question is the
// same whenever it is made, so that its answer can be judged without remembering it.
type asker struct {
	endpoint      *clients.Endpoint
	users         []clients.User
	refreshTokens []string // of the users
	addresses     []string
	table         []entry
	verify        func(token, subject string, granted []scope.Scope) error
	tokens        int
}

// question is the n-th one: the request, who makes it, and what is asked for.
func (a *asker) question(n int) (r clients.Request, asker clients.User, asked []scope.Scope) {
	random := rand.New(rand.NewPCG(1, uint64(n))) //nolint:gosec // it only mixes the load
	r.From = a.addresses[n%len(a.addresses)]
	if random.IntN(4) > 0 {
		user := random.IntN(len(a.users))
		asker = a.users[user]
		if random.IntN(3) == 0 {
			r.RefreshToken = a.refreshTokens[user]
		} else {
			r.User, r.Post = asker, random.IntN(2) == 0
		}
	}
	asked = newScopes(random, asker, a.users)
	for _, s := range asked {
		r.Scopes = append(r.Scopes, s.String())
	}
	return r, asker, asked
}

func (a *asker) write(n int, t *attack.Target) {
	r, _, _ := a.question(n)
	a.endpoint.Write(&r, t)
}

// judge compares the answer to the n-th question with what the oracle says.
func (a *asker) judge(n int, answer attack.Answer) error {
	_, asker, asked := a.question(n)
	err := a.compare(answer, asker.Name, expected(a.table, asker, asked))
	if err != nil {
		return fmt.Errorf("%q asks for %v: %w", asker.Name, asked, err)
	}
	return nil
}

func (a *asker) compare(answer attack.Answer, subject string, granted []scope.Scope) error {
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
	want := target.Claims{
		Issuer: target.Issuer, Subject: subject, Audience: target.Service, Access: granted,
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("the token says %+v, and should say %+v", got, want)
	}
	if a.tokens++; a.tokens%verifyEach != 1 {
		return nil
	}
	return a.verify(body.Token, subject, granted)
}

// judgeGuess wants a wrong password to be refused, as wrong, or with the time to wait because there
// are too many of them or too many checks are under way.
func judgeGuess(answer attack.Answer) error {
	if answer.Status == http.StatusUnauthorized || answer.Busy() && answer.MayRetry {
		return nil
	}
	return fmt.Errorf("a wrong password got %s", answer.Describe())
}
