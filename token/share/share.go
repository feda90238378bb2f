// Package share gives one access token to all requests that ask for the same within a short time.
//
// When a thousand nodes pull one image, they ask for the same token. This package signs it once:
//
//	issuer, err := token.NewIssuer(token.IssuerConfig{Name: "auth.example.com", Keys: keys})
//	shared, err := share.New(issuer, share.Config{For: 30 * time.Second})
//
// The caller still authenticates and authorizes every request, so a right that was taken away is
// not in a token given out later. Addresses of clients are not compared, as access was decided
// before. A "jti" is then in the audit records of several requests. A registry that accepts a jti
// only once would not work; none is known.
package share

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/berthpass/registry-auth/internal/call"
	"github.com/berthpass/registry-auth/internal/lru"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

const (
	maxQuestion  = 1 << 10     // bytes; a request for one image has a hundred
	minRemaining = time.Minute // the shortest lifetime that the protocol allows
)

// A Config configures an [Issuer].
type Config struct {
	// For is how long a token is given out after its first request, but at most for a quarter of
	// its lifetime, and never in its last minute: tokens for a minute are not shared. Required.
	For time.Duration
	// MaxTokens bounds how many tokens are kept; beyond it, the least recently used is dropped.
	// Zero is 1000, which take three megabytes.
	MaxTokens int
}

type issuer interface {
	Issue(ctx context.Context, request token.Request) (token.Token, error)
}

// An Issuer gives out the tokens of another issuer, each to all identical requests. It is safe for
// concurrent use if the other one is.
type Issuer struct {
	inner  issuer
	period time.Duration
	kept   *lru.Cache[question, answer]
	calls  call.Group[question, answer]
}

type question struct {
	signing    *token.Key // nil if the inner issuer has no KeySet
	text       string
	validUntil time.Time // comparable: in UTC, without a monotonic reading
}

// An answer is the token for all requests that ask the same.
type answer struct {
	token token.Token
	begun time.Time // by the wall clock, by which tokens expire
}

// New returns an issuer that shares the tokens of inner: a *[token.Issuer], or any other type with
//
//	Issue(ctx context.Context, request token.Request) (token.Token, error)
//
// If inner also has KeySet() *[token.KeySet], tokens of a key are not shared once another signs.
func New(inner issuer, config Config) (*Issuer, error) {
	switch {
	case inner == nil:
		return nil, errors.New("new sharing issuer: the issuer is missing")
	case config.For <= 0 || config.MaxTokens < 0:
		return nil, errors.New("new sharing issuer: For or MaxTokens is out of range")
	}
	kept := lru.New[question, answer](cmp.Or(config.MaxTokens, 1000))
	return &Issuer{inner: inner, period: config.For, kept: kept}, nil
}

// KeySet returns the key set of the inner issuer, or nil if it has none.
func (i *Issuer) KeySet() *token.KeySet {
	inner, ok := i.inner.(interface{ KeySet() *token.KeySet })
	if !ok {
		return nil
	}
	return inner.KeySet()
}

// Issue returns a token that was made for an earlier identical request, or lets the inner issuer
// make one. Requests are identical if all of their fields are, with resources in the same order.
// Concurrent requests wait for one call, each until its own ctx ends, and share its error; if it
// failed because its request ended, another one makes a new call. IssuedAt is now, and Lifetime the
// remaining time.
func (i *Issuer) Issue(ctx context.Context, request token.Request) (token.Token, error) {
	text, ok := textOf(request)
	if !ok {
		return i.inner.Issue(ctx, request)
	}
	q := question{i.signing(), text, request.ValidUntil.Round(0).UTC()}
	own := false
	a, err := i.calls.Do(ctx, q, func() (_ answer, abandoned bool, err error) {
		a := answer{begun: time.Now().Round(0)}
		if kept, ok := i.kept.Get(q); ok && kept.isFresh(a.begun, i.period) {
			return kept, false, nil
		}
		own = true
		a.token, err = i.inner.Issue(ctx, request)
		if err == nil && i.signing() == q.signing {
			i.kept.Add(q, a)
		}
		return a, err != nil && ctx.Err() != nil, err
	})
	now := time.Now().UTC()
	left := min(a.token.Lifetime, a.token.ExpiresAt.Sub(now).Truncate(time.Second))
	switch {
	case err != nil:
		return token.Token{}, err
	case own:
		return a.token, nil
	case left < minRemaining:
		return i.inner.Issue(ctx, request)
	}
	a.token.IssuedAt, a.token.Lifetime = now.Truncate(time.Second), left
	return a.token, nil
}

// signing returns the key that signs now, if that is known.
func (i *Issuer) signing() *token.Key {
	if keys := i.KeySet(); keys != nil {
		return keys.Signing()
	}
	return nil
}

// isFresh reports whether a request may have the token. The times of concurrent requests differ by
// less than a second. After the clock was set back no token is fresh.
func (a answer) isFresh(now time.Time, period time.Duration) bool {
	age := now.Sub(a.begun)
	return age > -time.Second && age < min(period, a.token.Lifetime/4) &&
		a.token.ExpiresAt.Sub(now) >= minRemaining
}

// textOf encodes a request; lengths keep the parts apart. It fails if the request is too long to be
// shared, or has extra claims that are not JSON.
func textOf(request token.Request) (string, bool) {
	parts := []string{request.Subject, request.Audience}
	for _, s := range scope.Merge(request.Access) {
		parts = append(parts, s.Type, s.Name, strconv.Itoa(len(s.Actions)))
		parts = append(parts, s.Actions...)
	}
	if len(request.Extra) > 0 {
		extra, err := json.Marshal(request.Extra) // sorted by name
		if err != nil {
			return "", false
		}
		parts = append(parts, string(extra)) // one part, where a scope has three or more
	}
	text := make([]byte, 0, 256)
	for _, part := range parts {
		text = append(binary.AppendUvarint(text, uint64(len(part))), part...)
	}
	return string(text), len(text) <= maxQuestion
}
