package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"
)

// A guesser tries wrong passwords, slowly: of users that there are and of some that there are not.
type guesser struct {
	load    *load
	http    *http.Client
	address string
	random  *rand.Rand
}

const guessEvery = 200 * time.Millisecond

func (g *guesser) work(ctx context.Context) {
	tick := time.NewTicker(guessEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := g.guess(); err != nil {
				g.load.wrong("a guess: %v", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// guess is to be refused: as wrong, or with the time to wait as one too many, be it of guesses (429) or of password checks that are
// under way (503), as on a machine with much to do.
func (g *guesser) guess() error {
	name := g.load.server.people[g.random.IntN(len(g.load.server.people))].name
	if g.random.IntN(2) == 0 {
		name = fmt.Sprintf("stranger%d", g.random.IntN(20))
	}
	r := newRequest(http.MethodGet, g.load.server.URL+"?"+url.Values{"service": {serviceName}}.Encode(), http.NoBody, g.address)
	r.SetBasicAuth(name, fmt.Sprintf("guess %d", g.random.Uint32()))
	response, err := g.http.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	toldToWait := response.Header.Get("Retry-After") != ""
	switch {
	case response.StatusCode == http.StatusUnauthorized:
		g.load.refused.Add(1)
	case response.StatusCode == http.StatusTooManyRequests && toldToWait:
		g.load.throttled.Add(1)
	case response.StatusCode == http.StatusServiceUnavailable && toldToWait:
		g.load.putOff.Add(1)
	default:
		return fmt.Errorf("status %d for %s", response.StatusCode, name)
	}
	return nil
}
