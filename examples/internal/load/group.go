package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"
)

// A group is a Group that runs.
type group struct {
	Group

	run        *run
	writer     *writer
	tally      *tally
	schedule   *schedule
	transports []transport // one for each connection

	colds, tokens, sent atomic.Uint64
}

// A transport is what is used of *http.Transport.
type transport interface {
	http.RoundTripper
	CloseIdleConnections()
}

func newGroup(r *run, g Group) (*group, error) {
	w, err := newWriter(&r.config, &g)
	if err != nil {
		return nil, err
	}
	made := &group{Group: g, run: r, writer: w, tally: newTally(&g)}
	for i := range g.Connections {
		var source netip.Addr
		if len(g.Sources) > 0 {
			source = g.Sources[i%len(g.Sources)]
		}
		made.transports = append(made.transports, r.config.newTransport(source))
	}
	return made, nil
}

// play lets the clients of one connection ask, by turns, until ctx is done.
func (g *group) play(ctx context.Context, connection int) {
	var buffer bytes.Buffer
	for round := 0; g.Rounds == 0 || round < g.Rounds; round++ {
		for client := connection; client < g.Clients; client += g.Connections {
			due, ok := g.schedule.wait(ctx)
			if !ok || !g.run.mayAsk(due) {
				return
			}
			if !g.ask(ctx, client, round, due, &buffer) {
				return
			}
		}
	}
}

// pauseAfterError keeps a client of a closed loop from doing nothing but trying to connect.
const pauseAfterError = 100 * time.Millisecond

// ask makes one request. It is not ended with ctx, only with its own timeout or that of the whole run.
func (g *group) ask(ctx context.Context, client, round int, due time.Time, buffer *bytes.Buffer) bool {
	bounded, cancel := context.WithTimeout(g.run.ctx, g.run.config.Timeout)
	defer cancel()
	request, ok := g.request(bounded, client, round)
	if !ok {
		g.tally.exhausted()
		return false
	}
	measured := !due.Before(g.run.from)
	if measured {
		g.sent.Add(1)
	}
	a, err := do(g.transports[client%g.Connections], request, buffer)
	ended := time.Now()
	if err != nil && g.run.ctx.Err() != nil {
		return false // it was interrupted, and says nothing about the server
	}
	if measured {
		r := result{at: ended.Sub(g.run.from), took: ended.Sub(due), answer: a, err: err}
		if err == nil {
			g.look(&r)
		}
		g.tally.add(&r)
	}
	if err != nil && g.Rate == 0 {
		return sleep(ctx, pauseAfterError)
	}
	return true
}

// request is what a client asks in a round. It is false when there is nobody left to ask for.
func (g *group) request(ctx context.Context, client, round int) (*http.Request, bool) {
	w, scope := g.writer, client+round
	switch g.Kind {
	case Login:
		return w.get(ctx, w.headers[client%len(w.headers)], scope), true
	case Cold:
		user := g.colds.Add(1) - 1
		if user >= uint64(len(w.headers)) {
			return nil, false
		}
		return w.get(ctx, w.headers[user], scope), true
	case Refresh:
		return w.refresh(ctx, client%len(w.bodies), scope), true
	case Wrong:
		return w.get(ctx, w.wrong(client), scope), true
	case Anonymous:
	}
	return w.get(ctx, w.nobody, scope), true
}

// look finds out whether an answer is as expected.
func (g *group) look(r *result) {
	a := r.answer
	switch {
	case a.busy():
	case g.Kind == Wrong && a.status == http.StatusOK:
		r.problem = fmt.Errorf("a wrong password got %s", a.describe())
	case g.Kind == Wrong && a.status == http.StatusUnauthorized:
	case g.Kind != Wrong && a.status == http.StatusOK:
		g.lookClosely(r)
	default:
		r.problem = errors.New("got " + a.describe())
	}
}

// lookClosely decodes some answers, and lets some of the tokens be verified. The first one is among both.
func (g *group) lookClosely(r *result) {
	c := &g.run.config
	n := g.tokens.Add(1) - 1
	verify := c.Verify != nil && n%uint64(c.VerifyEach) == 0                                            //nolint:gosec // not negative
	if decode := n%uint64(c.DecodeEach) == 0; !decode && !verify && len(r.answer.body) >= shortAnswer { //nolint:gosec // the same
		return
	}
	t, err := r.answer.decode()
	r.decoded = true
	if err == nil && verify {
		r.verified = true
		err = c.Verify(t.Token)
	}
	r.problem = err
}
