package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token"
)

// jwts are ID tokens of an identity provider, sent as passwords. Any user name will do.
type jwts struct {
	issuer, audience, jwksURL string
	verifier                  atomic.Pointer[token.Verifier]
}

func (j *jwts) Authenticate(_ context.Context, r authn.Request) (authn.Subject, error) {
	if !strings.HasPrefix(string(r.Password), "eyJ") {
		return authn.Subject{}, authn.ErrNoMatch
	}
	claims, err := j.verifier.Load().Verify(string(r.Password))
	if err != nil {
		return authn.Subject{}, fmt.Errorf("%w: %w", authn.ErrRejected, err)
	}
	// A claim such as an email address can be somebody else's tomorrow; sub never is.
	name := "idp/" + claims.Subject
	return authn.Subject{Name: name, ValidUntil: claims.ExpiresAt, Data: claims.Extra}, nil
}

// fetchKeys is called at start and every few minutes: providers change their keys.
func (j *jwts) fetchKeys(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, j.jwksURL, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("fetch the keys of %s: %w", j.issuer, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("fetch the keys of %s: %w", j.issuer, err)
	}
	keys, err := token.ParseJWKS(body)
	if err != nil {
		return fmt.Errorf("read the keys of %s: %w", j.issuer, err)
	}
	verifier, err := token.NewVerifier(token.VerifierConfig{
		Issuer: j.issuer, Audience: j.audience, Keys: keys,
	})
	if err == nil {
		j.verifier.Store(verifier)
	}
	return err
}
