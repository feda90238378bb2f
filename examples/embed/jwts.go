package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token"
)

// jwts are ID tokens of an identity provider, sent as passwords. Any user name will do.
type jwts struct {
	issuer, audience, jwksURL string

	verifier atomic.Pointer[token.Verifier] // nil before the first keys

	mu    sync.Mutex // while keys are fetched
	tried time.Time
	err   error // of the last try
}

func (j *jwts) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	if !strings.HasPrefix(string(r.Password), "eyJ") {
		return authn.Subject{}, authn.ErrNoMatch
	}
	claims, err := j.verify(string(r.Password))
	if errors.Is(err, token.ErrUnknownKey) { // a new one, perhaps
		if err = j.fetchKeys(ctx); err == nil {
			claims, err = j.verify(string(r.Password))
		}
	}
	switch {
	case errors.Is(err, token.ErrInvalid):
		return authn.Subject{}, fmt.Errorf("%w: %w", authn.ErrRejected, err)
	case err != nil: // an outage of the provider, and no reason for a 401
		return authn.Subject{}, err
	case claims.Subject == "":
		return authn.Subject{}, fmt.Errorf("%w: the JWT has no sub", authn.ErrRejected)
	}
	// A claim such as an email address can be somebody else's tomorrow; sub never is.
	name := "idp/" + claims.Subject
	return authn.Subject{Name: name, ValidUntil: claims.ExpiresAt, Data: claims.Extra}, nil
}

func (j *jwts) verify(raw string) (token.Claims, error) {
	if verifier := j.verifier.Load(); verifier != nil {
		return verifier.Verify(raw)
	}
	return token.Claims{}, token.ErrUnknownKey
}

// keepFresh fetches the keys every five minutes, so that one that the provider withdraws ends too.
// While the provider is down, known keys stay good.
func (j *jwts) keepFresh(ctx context.Context) {
	for tick := time.Tick(5 * time.Minute); ctx.Err() == nil; {
		if err := j.fetchKeys(ctx); err != nil {
			log.Print(err)
		}
		select {
		case <-tick:
		case <-ctx.Done():
		}
	}
}

// fetchKeys tries at most once in ten seconds, since anybody can send a JWT with an unknown key. It
// returns the error of the last try.
func (j *jwts) fetchKeys(ctx context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if time.Since(j.tried) < 10*time.Second {
		return j.err
	}
	// The client of this request may hang up while others wait for the keys.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	verifier, err := j.fetch(ctx)
	if err == nil {
		j.verifier.Store(verifier)
	} else {
		err = fmt.Errorf("keys of %s: %w", j.issuer, err)
	}
	j.tried, j.err = time.Now(), err
	return err
}

func (j *jwts) fetch(ctx context.Context) (*token.Verifier, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, j.jwksURL, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	keys, err := token.ParseJWKS(body)
	if err != nil {
		return nil, err
	}
	return token.NewVerifier(token.VerifierConfig{
		Issuer: j.issuer, Audience: j.audience, Keys: keys,
	})
}

// exchanged is the subject of a token of this server that is exchanged for another one.
func exchanged(c token.Claims) authn.Subject {
	return authn.Subject{
		Name: c.Subject, ValidUntil: c.ExpiresAt, Limit: &authn.Limit{Scopes: c.Access},
		Data: c.Extra,
	}
}
