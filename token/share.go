package token

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berthpass/registry-auth/scope"
)

// The bounds of what an issuer with ShareFor keeps.
const (
	// defaultMaxShared tokens take two or three megabytes.
	defaultMaxShared = 1000
	// maxQuestion is the length of the longest question that is shared, in bytes. One about one image has a hundred; a client may
	// ask for much more than is worth keeping.
	maxQuestion = 1 << 10
	// maxSharedPart is which part of its lifetime a token may be shared for.
	maxSharedPart = 4
)

// sharing remembers tokens for those who ask the same. It is safe for concurrent use, and readers never wait for each other.
type sharing struct {
	period time.Duration
	most   int64
	class  func(netip.Addr) string // nil: by network
	now    atomic.Pointer[sharedPeriod]
}

// A sharedPeriod has the tokens that are made during one period. They are all forgotten at its end, so that none is older.
type sharedPeriod struct {
	begun  time.Time
	tokens sync.Map // shareKey → *sharedToken
	count  atomic.Int64
}

// A sharedToken is made by whoever asks first. The others wait for it.
type sharedToken struct {
	made  chan struct{} // closed when the following are set
	token Token
	err   error
}

// newSharing returns what an issuer needs to share tokens, or nil when it shares none. The configuration is complete otherwise.
func newSharing(config IssuerConfig) (*sharing, error) {
	most := min(config.Lifetime/maxSharedPart, config.Lifetime-MinLifetime)
	switch {
	case config.ShareFor < 0 || config.ShareFor > most:
		return nil, fmt.Errorf("tokens that live for %v cannot be shared for %v, only for %v", config.Lifetime, config.ShareFor, most)
	case config.MaxShared < 0:
		return nil, fmt.Errorf("%d shared tokens at most", config.MaxShared)
	case config.ShareFor == 0:
		return nil, nil //nolint:nilnil // nothing is shared
	}
	s := &sharing{period: config.ShareFor, most: int64(config.MaxShared), class: config.AddressClass}
	if s.most == 0 {
		s.most = defaultMaxShared
	}
	s.now.Store(&sharedPeriod{})
	return s, nil
}

// A shareKey is a question, and with which key and header it is answered.
type shareKey struct {
	signer   *compactSigner
	question string
}

// get returns the token of a key, which issue makes if there is none yet. Where no more can be kept, each gets its own.
func (s *sharing) get(ctx context.Context, key shareKey, now time.Time, issue func() (Token, error)) (Token, error) {
	period := s.periodAt(now)
	if known, ok := period.tokens.Load(key); ok {
		return share(ctx, known, now)
	}
	if period.count.Add(1) > s.most {
		period.count.Add(-1)
		return issue()
	}
	own := &sharedToken{made: make(chan struct{}), err: errors.New("token: the issuer of a shared token panicked")}
	if known, taken := period.tokens.LoadOrStore(key, own); taken {
		period.count.Add(-1)
		return share(ctx, known, now)
	}
	defer func() {
		if own.err != nil {
			period.tokens.Delete(key)
			period.count.Add(-1)
		}
		close(own.made)
	}()
	own.token, own.err = issue()
	return own.token, own.err
}

// share waits for a token that somebody else asked for, and says how long it lasts from now on.
func share(ctx context.Context, known any, now time.Time) (Token, error) {
	shared := known.(*sharedToken) //nolint:errcheck,forcetypeassert // the map has nothing else
	select {
	case <-shared.made:
	default: // ctx.Done makes a channel, so it is not called for nothing
		if err := shared.wait(ctx); err != nil {
			return Token{}, err
		}
	}
	if shared.err != nil {
		return Token{}, shared.err
	}
	token := shared.token
	token.Shared = true
	token.IssuedAt = now.Truncate(time.Second)
	token.Lifetime = min(token.Lifetime, token.ExpiresAt.Sub(now).Truncate(time.Second))
	return token, nil
}

func (s *sharedToken) wait(ctx context.Context) error {
	select {
	case <-s.made:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a token that is shared: %w", ctx.Err())
	}
}

// clockNoise is by how much two requests may see the time in another order than they take part in a period.
const clockNoise = time.Second

// periodAt returns the period of that time. A clock that was set back begins another one.
func (s *sharing) periodAt(now time.Time) *sharedPeriod {
	now = now.Round(0) // what the clock on the wall says: tokens end by it
	for {
		period := s.now.Load()
		if age := now.Sub(period.begun); -clockNoise < age && age < s.period {
			return period
		}
		if next := (&sharedPeriod{begun: now}); s.now.CompareAndSwap(period, next) {
			return next
		}
	}
}

// question is the text of what is asked. Lengths keep its parts from running into each other.
func (s *sharing) question(grant Grant, access []scope.Scope) string {
	text := appendText(make([]byte, 0, 256), grant.Subject, grant.Audience)
	if s.class != nil {
		text = appendText(text, s.class(grant.RemoteAddr))
	} else {
		text = appendNetwork(text, grant.RemoteAddr)
	}
	for _, s := range access {
		text = appendText(text, s.Type, s.Name)
		text = binary.AppendUvarint(text, uint64(len(s.Actions)))
		text = appendText(text, s.Actions...)
	}
	return string(text)
}

// appendNetwork appends the network of an address, as large as one organisation usually has. Those that are not known are one.
func appendNetwork(text []byte, addr netip.Addr) []byte {
	bits := 48
	if addr = addr.Unmap(); addr.Is4() {
		bits = 16
	}
	network, err := addr.Prefix(bits)
	if err != nil || !network.IsValid() {
		return append(text, 0)
	}
	bytes := network.Addr().As16()
	return append(append(text, byte(bits)), bytes[:]...)
}

func appendText(text []byte, parts ...string) []byte {
	for _, part := range parts {
		text = binary.AppendUvarint(text, uint64(len(part)))
		text = append(text, part...)
	}
	return text
}
