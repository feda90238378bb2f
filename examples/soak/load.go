package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berthpass/registry-auth/examples/internal/latency"
)

// counts are of answers, and of those that were not as expected.
type counts struct {
	tokens, refreshed, refused, throttled, putOff, verified atomic.Uint64

	mu       sync.Mutex
	problems int
	first    []string // of the problems, a few
}

// wrong notes an answer that is not as expected.
func (c *counts) wrong(format string, args ...any) {
	const most = 10
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.problems++; len(c.first) < most {
		c.first = append(c.first, fmt.Sprintf(format, args...))
	}
}

// A load is all clients.
type load struct {
	counts

	server   *server
	verifier *verifier
	clients  []*client
	guessers []*guesser
	answered atomic.Uint64
	times    atomic.Pointer[latency.Histogram] // nil while warming up
	gate     sync.RWMutex                      // held by each request, so that all can be kept from asking
}

const guesserCount = 2

func newLoad(s *server, connections int) *load {
	l := &load{server: s, verifier: &verifier{bundle: s.bundle}}
	for i := range connections {
		l.clients = append(l.clients, &client{load: l, http: newHTTPClient(), address: addressOf(10, i), random: newRandom(i)})
	}
	for i := range guesserCount {
		l.guessers = append(l.guessers, &guesser{load: l, http: newHTTPClient(), address: addressOf(172, i), random: newRandom(-1 - i)})
	}
	return l
}

// newRandom is the same at each run.
func newRandom(i int) *rand.Rand {
	return rand.New(rand.NewPCG(1, uint64(i))) //nolint:gosec // it only mixes the load
}

// addressOf is an address that a client says it has.
func addressOf(network byte, i int) string {
	return netip.AddrFrom4([4]byte{network, 16, byte(i >> 8), byte(i)}).String() //nolint:gosec // there are few
}

// newHTTPClient has one connection.
func newHTTPClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{MaxIdleConns: 1, MaxConnsPerHost: 1, DisableCompression: true},
		Timeout:   20 * time.Second,
	}
}

// logIn lets all users log in from all addresses that they come from, as often as they get another refresh token.
func (l *load) logIn(ctx context.Context) error {
	for i, user := range l.server.people {
		c := l.clients[i%len(l.clients)]
		for range refreshTokensEach {
			if err := c.logIn(ctx, user); err != nil {
				return fmt.Errorf("%s logs in: %w", user.name, err)
			}
		}
	}
	return nil
}

// pause waits until no request is under way, but for guesses, and measures.
func (l *load) pause() usage {
	l.gate.Lock()
	return measure()
}

func (l *load) resume() { l.gate.Unlock() }

func (l *load) close() {
	for _, c := range l.clients {
		c.http.CloseIdleConnections()
	}
	for _, g := range l.guessers {
		g.http.CloseIdleConnections()
	}
}
