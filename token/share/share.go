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
	"errors"
	"strconv"
	"time"

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

// An Issuer gives out the tokens of another issuer, each to all requests with the same subject,
// audience and access. It is safe for concurrent use if the other one is.
type Issuer struct {
	inner  issuer
	period time.Duration
	calls  *lru.Cache[question, *call]
}

type question struct {
	signing *token.Key // nil if the inner issuer has no KeySet
	text    string
}

// A call makes a token for all requests that ask the same.
type call struct {
	begun time.Time     // by the wall clock, by which tokens expire
	done  chan struct{} // closed when the fields below are set
	token token.Token
	err   error
	ended bool // the context of the first request, when the call failed
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
	return &Issuer{inner, config.For, lru.New[question, *call](cmp.Or(config.MaxTokens, 1000))}, nil
}

// KeySet returns the key set of the inner issuer, or nil if it has none.
func (i *Issuer) KeySet() *token.KeySet {
	inner, ok := i.inner.(interface{ KeySet() *token.KeySet })
	if !ok {
		return nil
	}
	return inner.KeySet()
}

// Issue returns a token that was made for an earlier request with the same subject, audience and
// access, resources in the same order, or lets the inner issuer make one. Concurrent requests wait
// for one call, each until its own ctx ends, and share its error; if it failed because its request
// ended, another one makes a new call. IssuedAt is now, and Lifetime the remaining time.
func (i *Issuer) Issue(ctx context.Context, request token.Request) (token.Token, error) {
	q := question{text: textOf(request)}
	if len(q.text) > maxQuestion {
		return i.inner.Issue(ctx, request)
	}
	q.signing = i.signing()
	for ctx.Err() == nil {
		own := &call{begun: time.Now().Round(0), done: make(chan struct{})}
		c := i.calls.Update(q, func(kept *call) *call {
			if kept != nil && kept.isFresh(own.begun, i.period) {
				return kept
			}
			return own
		})
		if c == own {
			i.run(ctx, c, q, request)
			return c.token, c.err
		}
		select {
		case <-ctx.Done():
			continue
		case <-c.done:
		}
		left := min(c.token.Lifetime, time.Until(c.token.ExpiresAt).Truncate(time.Second))
		switch shared := c.token; {
		case c.ended: // its error is not about this request
		case c.err != nil:
			return token.Token{}, c.err
		case left < minRemaining:
			return i.inner.Issue(ctx, request)
		default:
			shared.IssuedAt, shared.Lifetime = time.Now().UTC().Truncate(time.Second), left
			return shared, nil
		}
	}
	return token.Token{}, ctx.Err()
}

// signing returns the key that signs now, if that is known.
func (i *Issuer) signing() *token.Key {
	if keys := i.KeySet(); keys != nil {
		return keys.Signing()
	}
	return nil
}

// run makes the token of a call, which is forgotten if it fails or panics, or if the signing key
// changed meanwhile.
func (i *Issuer) run(ctx context.Context, c *call, q question, request token.Request) {
	c.err = errors.New("issue shared token: the issuer panicked")
	defer func() {
		c.ended = c.err != nil && ctx.Err() != nil
		if c.err != nil || i.signing() != q.signing {
			i.calls.Remove(q, func(kept *call) bool { return kept == c })
		}
		close(c.done)
	}()
	c.token, c.err = i.inner.Issue(ctx, request)
}

// isFresh reports whether a request may have the token, or wait for it. The times of concurrent
// requests differ by less than a second. After the clock was set back no token is fresh.
func (c *call) isFresh(now time.Time, period time.Duration) bool {
	select {
	case <-c.done:
		age := now.Sub(c.begun)
		return age > -time.Second && age < min(period, c.token.Lifetime/4) &&
			c.token.ExpiresAt.Sub(now) >= minRemaining
	default:
		return true
	}
}

// textOf encodes a request; lengths keep the parts apart.
func textOf(request token.Request) string {
	parts := []string{request.Subject, request.Audience}
	for _, s := range scope.Merge(request.Access) {
		parts = append(parts, s.Type, s.Name, strconv.Itoa(len(s.Actions)))
		parts = append(parts, s.Actions...)
	}
	text := make([]byte, 0, 256)
	for _, part := range parts {
		text = append(binary.AppendUvarint(text, uint64(len(part))), part...)
	}
	return string(text)
}
