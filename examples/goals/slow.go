package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/berthpass/registry-auth/examples/internal/load"
)

const (
	halfRequest = "GET /auth?service=" + serviceName + " HTTP/1.1\r\nHost: registry\r\n"
	slowBody    = "POST /auth HTTP/1.1\r\nHost: registry\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10000\r\n\r\ngrant_type="
)

// measureSlowConnections is R11: clients that send half of a request, or its body byte by byte, and then those of HTTP/2 that keep
// the server busy with streams and headers.
func measureSlowConnections(ctx context.Context, b *bench) (checks []check, err error) {
	const halfOpen, slow = 2000, 500
	p, err := b.start(ctx, &configuration{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	others := load.Config{WarmUp: warmUp, Groups: []load.Group{{Name: "pulls", Kind: load.Anonymous, Clients: 16, Scopes: publicScopes()}}}
	quiet, err := b.load(ctx, p, others)
	if err != nil {
		return nil, err
	}
	files, err := p.files()
	if err != nil {
		return nil, err
	}
	c := &connections{host: p.host}
	defer c.close()
	err = errors.Join(c.open(ctx, halfOpen, halfRequest, false), c.open(ctx, slow, slowBody, true))
	if err != nil {
		return nil, err
	}
	others.WarmUp, others.Duration = 0, min(b.duration, 4*time.Second) // before the first of them are closed
	disturbed, err := b.load(ctx, p, others)
	if err != nil {
		return nil, err
	}
	longest := c.wait()
	left, err := p.filesSettled(ctx, files)
	if err != nil {
		return nil, err
	}
	most, err := p.residentMost()
	if err != nil {
		return nil, err
	}
	before, pulls := p99(&quiet.Groups[0]), &disturbed.Groups[0]
	checks = []check{
		ratio(fmt.Sprintf("p99 of others beside %d connections, as a multiple of that when it is quiet", halfOpen+slow), p99(pulls).Seconds()/before.Seconds(), 2).
			noted("%v and %v", p99(pulls), before),
		none("of their requests without a token", failures(pulls)),
		within("until the last of the connections was closed", longest, 15*time.Second),
		bounded("files that are open afterwards", left, files),
		memory("memory of the server", most, 150<<20),
	}
	more, err := measureStreams(ctx, b)
	return append(checks, more...), err
}

// filesSettled is the number of open files when it is back at what it was, or after a while.
func (p *process) filesSettled(ctx context.Context, before int) (int, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(5 * time.Second); ; {
		now, err := p.files()
		if err != nil || now <= before || time.Now().After(deadline) {
			return now, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}

// connections are some of which the server should get rid.
type connections struct {
	host string
	all  []net.Conn
	ends sync.WaitGroup

	mu      sync.Mutex
	longest time.Duration
}

// open makes some connections, which send a text and, if they drip, a byte in each second after it.
func (c *connections) open(ctx context.Context, count int, text string, drip bool) error {
	for range count {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", c.host)
		if err != nil {
			return err
		}
		c.all = append(c.all, connection)
		begun := time.Now()
		if _, err := io.WriteString(connection, text); err != nil {
			return err
		}
		closed := make(chan struct{})
		c.ends.Go(func() {
			_, _ = io.Copy(io.Discard, connection) // until the server closes it
			close(closed)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.longest = max(c.longest, time.Since(begun))
		})
		if drip {
			go dripInto(connection, closed)
		}
	}
	return nil
}

func dripInto(connection net.Conn, closed <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if _, err := io.WriteString(connection, "x"); err != nil {
				return
			}
		case <-closed:
			return
		}
	}
}

// wait waits until the server has closed all, or for a minute, and returns how long the last one was open.
func (c *connections) wait() time.Duration {
	giveUp := time.AfterFunc(time.Minute, c.close)
	defer giveUp.Stop()
	c.ends.Wait()
	return c.longest
}

func (c *connections) close() {
	for _, connection := range c.all {
		_ = connection.Close()
	}
}
