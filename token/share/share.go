// Package share gives one access token to all requests that ask for the same within a short time.
//
// A cluster whose nodes all start one image asks for the same token a thousand times. With this
// decorator around a [token.Issuer] that costs one signature:
//
//	issuer, err := token.NewIssuer(token.IssuerConfig{Name: "auth.example.com", Keys: keys})
//	shared, err := share.New(issuer, share.Config{For: 30 * time.Second})
//
// Authentication and authorization still happen for every request, so a right that was taken away
// is not in any token that is given out afterwards. Where a request came from is not compared: what
// an address may do was decided before the token is issued. Two things change. The "jti" names a
// token and no longer one request: several audit records can have the same, and so the traces of a
// token at the registry cannot be told apart. And a registry that accepts each jti only once cannot
// be used; none of the known ones does that.
package share

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/berthpass/registry-auth/internal/lru"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

const (
	defaultMaxTokens = 1000
	// maxQuestion bounds the memory of a question, in bytes. One about one image has a hundred.
	maxQuestion = 1 << 10
	// minRemaining is the shortest lifetime that the protocol allows.
	minRemaining = time.Minute
	// clockNoise is by how much an earlier request may have seen a later time.
	clockNoise = time.Second
)

// A Config configures an [Issuer].
type Config struct {
	// For is how long a token is given out after it was made. A token is not given out after a
	// quarter of its lifetime, nor in its last minute, however long For is. Required.
	For time.Duration
	// MaxTokens bounds how many tokens are kept; the least recently used is evicted. Zero is 1000,
	// which take two or three megabytes.
	MaxTokens int
}

// An Issuer gives out the tokens of another issuer, each to all requests with the same subject,
// audience and access. It is safe for concurrent use, if the other one is.
type Issuer struct {
	inner interface {
		Issue(ctx context.Context, request token.Request) (token.Token, error)
	}
	period time.Duration
	calls  *lru.Cache[question, *call]
}

// A question identifies requests that get the same token.
type question struct {
	signing *token.Key // nil if the issuer has no KeySet
	text    string
}

// A call makes a token, for one request and for all others that ask the same.
type call struct {
	begun time.Time
	done  chan struct{} // closed when the fields below are set
	token token.Token
	err   error
	// abandoned means that the call failed after the context of its request had ended.
	abandoned bool
}

// New returns an issuer that shares the tokens of inner, or an error that says which field of the
// configuration is missing or out of range. If inner has a method KeySet() *token.KeySet, as a
// [token.Issuer] has, tokens of a key are not given out once another key signs.
func New(
	inner interface {
		Issue(ctx context.Context, request token.Request) (token.Token, error)
	},
	config Config,
) (*Issuer, error) {
	switch {
	case inner == nil:
		return nil, errors.New("new sharing issuer: the issuer is missing")
	case config.For <= 0:
		return nil, fmt.Errorf("new sharing issuer: For is %v, not positive", config.For)
	case config.MaxTokens < 0:
		return nil, fmt.Errorf("new sharing issuer: MaxTokens is %d, negative", config.MaxTokens)
	case config.MaxTokens == 0:
		config.MaxTokens = defaultMaxTokens
	}
	calls := lru.New[question, *call](config.MaxTokens)
	return &Issuer{inner: inner, period: config.For, calls: calls}, nil
}

// KeySet returns the key set of the inner issuer, or nil if it has none.
func (i *Issuer) KeySet() *token.KeySet {
	if inner, ok := i.inner.(interface{ KeySet() *token.KeySet }); ok {
		return inner.KeySet()
	}
	return nil
}

// Issue returns a token that was made for an earlier request with the same subject, audience and
// access, or has the inner issuer make one. Concurrent requests wait for one call and share its
// error. IssuedAt and Lifetime count from now.
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
			return token.Token{}, fmt.Errorf("issue shared token: %w", err)
		}
		own := &call{begun: time.Now().Round(0), done: make(chan struct{})} // wall clock, as in tokens
		shared := i.calls.Update(q, func(earlier *call) *call {
			if earlier != nil && earlier.isFresh(own.begun, i.period) {
				return earlier
			}
			return own
		})
		if shared == own {
			i.run(ctx, own, q, request)
			return own.token, own.err
		}
		select {
		case <-shared.done:
		case <-ctx.Done():
			continue
		}
		switch {
		case shared.err == nil && shared.remaining(own.begun) >= minRemaining:
			return shared.tokenAt(own.begun), nil
		case shared.err == nil: // its lifetime is too short to be shared
			return i.inner.Issue(ctx, request)
		case !shared.abandoned:
			return token.Token{}, shared.err
		}
	}
}

// run makes the token of a call. A failed call is forgotten, also when the issuer panics.
func (i *Issuer) run(ctx context.Context, c *call, q question, request token.Request) {
	c.err = errors.New("issue shared token: the issuer panicked")
	defer func() {
		if c.err != nil {
			c.abandoned = ctx.Err() != nil
			i.calls.Remove(q, func(kept *call) bool { return kept == c })
		}
		close(c.done)
	}()
	c.token, c.err = i.inner.Issue(ctx, request)
}

// isFresh reports whether a request at this time may have the token. A call that is not done is
// fresh: its token is going to be. After the clock was set back no call is.
func (c *call) isFresh(now time.Time, period time.Duration) bool {
	select {
	case <-c.done:
	default:
		return true
	}
	const quarter = 4
	age := now.Sub(c.begun)
	return c.err == nil && age > -clockNoise && age < min(period, c.token.Lifetime/quarter) &&
		c.remaining(now) >= minRemaining
}

func (c *call) remaining(now time.Time) time.Duration {
	return min(c.token.Lifetime, c.token.ExpiresAt.Sub(now).Truncate(time.Second))
}

func (c *call) tokenAt(now time.Time) token.Token {
	shared := c.token
	shared.IssuedAt, shared.Lifetime = now.UTC().Truncate(time.Second), c.remaining(now)
	return shared
}

// textOf encodes a request. The lengths keep its parts from running into each other.
func textOf(request token.Request) string {
	text := appendText(make([]byte, 0, 256), request.Subject, request.Audience)
	for _, s := range scope.Merge(request.Access) {
		text = appendText(text, s.Type, s.Name)
		text = binary.AppendUvarint(text, uint64(len(s.Actions)))
		text = appendText(text, s.Actions...)
	}
	return string(text)
}

func appendText(text []byte, parts ...string) []byte {
	for _, part := range parts {
		text = binary.AppendUvarint(text, uint64(len(part)))
		text = append(text, part...)
	}
	return text
}
