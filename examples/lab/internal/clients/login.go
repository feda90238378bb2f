package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
)

const (
	loginsAtOnce = 8
	loginWait    = time.Minute // for one login, while the server is busy
	loginPause   = 200 * time.Millisecond
)

// LogIn lets all users of a crowd log in once, so that the server remembers their passwords.
func (e *Endpoint) LogIn(ctx context.Context, c Crowd) error {
	_, err := e.logIn(ctx, c, "")
	return err
}

// RefreshTokens lets all users of a crowd log in for a refresh token each.
func (e *Endpoint) RefreshTokens(ctx context.Context, c Crowd) ([]string, error) {
	return e.logIn(ctx, c, "true")
}

func (e *Endpoint) logIn(ctx context.Context, c Crowd, offline string) ([]string, error) {
	c.setFrom()
	transport := &http.Transport{MaxConnsPerHost: loginsAtOnce, MaxIdleConnsPerHost: loginsAtOnce}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: loginWait}
	tokens := make([]string, len(c.Users))
	logins, ctx := errgroup.WithContext(ctx)
	logins.SetLimit(loginsAtOnce)
	for i, u := range c.Users {
		logins.Go(func() (err error) {
			tokens[i], err = e.logInOne(ctx, client, c.header(i, basic(u.Name, u.Password)), offline)
			if err != nil {
				return fmt.Errorf("%s logs in: %w", u.Name, err)
			}
			return nil
		})
	}
	return tokens, logins.Wait()
}

// logInOne tries again while the server is busy.
func (e *Endpoint) logInOne(
	ctx context.Context, client *http.Client, header http.Header, offline string,
) (string, error) {
	query := url.Values{"service": {e.Service}, "client_id": {"lab"}}
	if offline != "" {
		query.Set("offline_token", offline)
	}
	ctx, cancel := context.WithTimeout(ctx, loginWait)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.URL+"?"+query.Encode(), http.NoBody)
		if err != nil {
			return "", err
		}
		r.Header = header
		a, err := Do(client, r)
		switch {
		case err != nil:
			return "", err
		case a.Status == http.StatusOK:
			return refreshToken(a.Body, offline != "")
		case !a.Busy():
			return "", errors.New(a.Describe())
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("the server is busy: %w", ctx.Err())
		case <-time.After(loginPause):
		}
	}
}

func refreshToken(body []byte, wanted bool) (string, error) {
	var answer struct {
		RefreshToken string `json:"refresh_token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", fmt.Errorf("the answer is no JSON: %w", err)
	}
	if wanted && answer.RefreshToken == "" {
		return "", errors.New("no refresh token")
	}
	return answer.RefreshToken, nil
}

// Do sends one request.
func Do(client *http.Client, r *http.Request) (attack.Answer, error) {
	response, err := client.Do(r) //nolint:gosec // the server under test
	if err != nil {
		return attack.Answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return attack.Answer{
		Status: response.StatusCode, Body: body,
		MayRetry: response.Header.Get("Retry-After") != "",
	}, err
}
