package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
)

// LogIn lets all users of a crowd log in once, and returns their refresh tokens if they are to get
// some. It tries again what a busy server refuses.
func (e *Endpoint) LogIn(ctx context.Context, c Crowd, offline bool) ([]string, error) {
	const atOnce, patience, pause = 8, time.Minute, 200 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if c.From == nil {
		c.From = Addresses(max(c.Clients, 1))
	}
	c.Name, c.Clients, c.Rate, c.Scopes = "logging in", atOnce, 0, nil
	logins, tokens, waiting := e.Logins(c), make([]string, len(c.Users)), make([]int, len(c.Users))
	for i := range waiting {
		waiting[i] = i
	}
	for {
		round, again := logins, []int(nil)
		round.Limit = len(waiting)
		round.Write = func(n int, t *attack.Target) {
			logins.Write(waiting[n], t)
			if offline {
				t.URL += "&offline_token=true"
			}
		}
		round.Judge = func(n int, a attack.Answer) (err error) {
			if a.Busy() {
				again = append(again, waiting[n])
				return nil
			}
			if tokens[waiting[n]], err = refreshToken(a, offline); err != nil {
				err = fmt.Errorf("%s: %w", c.Users[waiting[n]].Name, err)
			}
			return err
		}
		r := attack.Run(ctx, attack.Plan{Groups: []attack.Group{round}, Duration: patience})
		if problems := r.Problems(); len(problems) > 0 || ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), errors.New(strings.Join(problems, ", ")))
		}
		if waiting = again; len(waiting) == 0 {
			return tokens, nil
		}
		time.Sleep(pause)
	}
}

func refreshToken(a attack.Answer, wanted bool) (string, error) {
	var body struct {
		RefreshToken string `json:"refresh_token"`
	}
	if a.Status != http.StatusOK {
		return "", errors.New(a.Describe())
	}
	err := json.Unmarshal(a.Body, &body)
	if err == nil && wanted && body.RefreshToken == "" {
		err = errors.New("no refresh token")
	}
	return body.RefreshToken, err
}

// Do sends one request.
func Do(client *http.Client, r *http.Request) (attack.Answer, error) {
	response, err := client.Do(r) //nolint:gosec // the server under test
	if err != nil {
		return attack.Answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return attack.Answer{Status: response.StatusCode, Body: body}, err
}
