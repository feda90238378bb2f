// Package share gives one access token to all requests that ask for the same within a short time.
//
// A cluster whose nodes all start one image asks for the same token a thousand times. With this
// decorator that costs one signature:
//
//	issuer, err := token.NewIssuer(token.IssuerConfig{Name: "auth.example.com", Keys: keys})
//	shared, err := share.New(issuer, share.Config{For: 30 * time.Second})
//
// Every request is still authenticated and authorized, so a right that was taken away is not in
// any token that is given out later. The address of a client is not compared: what it may do was
// decided before. But a "jti" names a token and no longer one request: several audit records can
// have the same. A registry that accepts each jti once cannot be used; no known one does that.
package share

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/berthpass/registry-auth/internal/lru"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

const (
	defaultMaxTokens = 1000
	maxQuestion      = 1 << 10     // bytes; a request for one image has a hundred
	maxPart          = 4           // a token is shared for at most this part of its lifetime
	minRemaining     = time.Minute // the shortest lifetime that the protocol allows
	clockNoise       = time.Second // by which an earlier request may have seen a later time
)

// A Config configures an [Issuer].
type Config struct {
	// For is how long a token is given out after it was requested first: at most a quarter of its
	// lifetime, and never in its last minute, even if For is longer. Required.
	For time.Duration
	// MaxTokens bounds how many tokens are kept; the least recently used is evicted. Zero is 1000,
	// which take two or three megabytes.
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

// A question is equal for requests that get the same token.
type question struct {
	signing *token.Key // nil if the inner issuer has no KeySet
	text    string
}

// A call makes a token, for one request and for all others that ask the same.
type call struct {
	begun time.Time
	done  chan struct{} // closed when the fields below are set
	token token.Token
	err   error
	ended bool // the context of the first request, when the call failed
}

// New returns an issuer that shares the tokens of inner, which is a [token.Issuer] or any other
// type with its method Issue. If inner has its method KeySet as well, tokens are not given out
// after another key was promoted. The error says which argument is missing or out of range.
func New(inner issuer, config Config) (*Issuer, error) {
	switch {
	case inner == nil:
		return nil, errors.New("new sharing issuer: the issuer is missing")
	case config.For <= 0:
		return nil, errors.New("new sharing issuer: For is not positive")
	case config.MaxTokens < 0:
		return nil, errors.New("new sharing issuer: MaxTokens is negative")
	case config.MaxTokens == 0:
		config.MaxTokens = defaultMaxTokens
	}
	return &Issuer{inner, config.For, lru.New[question, *call](config.MaxTokens)}, nil
}

// KeySet returns the key set of the inner issuer, or nil if it has none.
func (i *Issuer) KeySet() *token.KeySet {
	if inner, ok := i.inner.(interface{ KeySet() *token.KeySet }); ok {
		return inner.KeySet()
	}
	return nil
}

// Issue returns a token that was made for an earlier request with the same subject, audience and
// access, or lets the inner issuer make one. Concurrent requests wait for one call and share its
// error. IssuedAt and Lifetime are as of now.
func (i *Issuer) Issue(ctx context.Context, request token.Request) (token.Token, error) {
	q := question{text: textOf(request)}
	if len(q.text) > maxQuestion {
		return i.inner.Issue(ctx, request)
	}
	if keys := i.KeySet(); keys != nil {
		q.signing = keys.Signing()
	}
	for {
		if err := ctx.Err(); err != nil {
			return token.Token{}, err
		}
		own := &call{begun: now(), done: make(chan struct{})}
		c := i.calls.Update(q, func(earlier *call) *call {
			if earlier != nil && earlier.isFresh(own.begun, i.period) {
				return earlier
			}
			return own
		})
		if c == own {
			i.run(ctx, c, q, request)
			return c.token, c.err
		}
		select {
		case <-c.done:
		case <-ctx.Done():
			continue
		}
		left := min(c.token.Lifetime, c.token.ExpiresAt.Sub(now()).Truncate(time.Second))
		switch {
		case c.ended: // its error is not about this request
		case c.err != nil:
			return token.Token{}, c.err
		case left < minRemaining:
			return i.inner.Issue(ctx, request)
		default:
			shared := c.token
			shared.IssuedAt, shared.Lifetime = now().UTC().Truncate(time.Second), left
			return shared, nil
		}
	}
}

// run makes the token of a call. A call that fails, or panics, is forgotten.
func (i *Issuer) run(ctx context.Context, c *call, q question, request token.Request) {
	c.err = errors.New("issue shared token: the issuer panicked")
	defer func() {
		if c.err != nil {
			c.ended = ctx.Err() != nil
			i.calls.Remove(q, func(kept *call) bool { return kept == c })
		}
		close(c.done)
	}()
	c.token, c.err = i.inner.Issue(ctx, request)
}

// isFresh reports whether a request may have the token, or wait for it. After the clock was set
// back no token is fresh.
func (c *call) isFresh(now time.Time, period time.Duration) bool {
	select {
	case <-c.done:
		age, left := now.Sub(c.begun), c.token.ExpiresAt.Sub(now)
		period = min(period, c.token.Lifetime/maxPart)
		return age > -clockNoise && age < period && left >= minRemaining
	default:
		return true
	}
}

// now returns the time without the monotonic clock, since tokens expire by the wall clock.
func now() time.Time { return time.Now().Round(0) }

// textOf encodes a request. The lengths keep its parts apart.
func textOf(request token.Request) string {
	text := make([]byte, 0, 256)
	add := func(part string) {
		text = append(binary.AppendUvarint(text, uint64(len(part))), part...)
	}
	add(request.Subject)
	add(request.Audience)
	for _, s := range scope.Merge(request.Access) {
		add(s.Type)
		add(s.Name)
		text = binary.AppendUvarint(text, uint64(len(s.Actions)))
		for _, action := range s.Actions {
			add(action)
		}
	}
	return string(text)
}
