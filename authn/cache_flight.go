package authn

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A flight is a check of credentials that is being made, and that other requests with the same credentials wait for.
type flight struct {
	key   proofKey
	begun time.Time

	landed  chan struct{} // closed when the following are set
	subject Subject
	err     error
}

// wait returns the result of a check that another request makes.
func (f *flight) wait(ctx context.Context) (Subject, error) {
	select {
	case <-f.landed:
		return f.subject, f.err
	case <-ctx.Done():
		return Subject{}, fmt.Errorf("wait for a check of the same credentials: %w", ctx.Err())
	}
}

// fly makes the check in the goroutine of the request, so that a panic is that request's.
func (c *cache) fly(ctx context.Context, f *flight, credentials Request) (Subject, error) {
	f.err = errors.New("authn: the check of the same credentials in another request panicked")
	defer c.land(f)
	subject, err := c.source.Authenticate(ctx, credentials)
	f.subject, f.err = subject, err
	if err != nil && ctx.Err() != nil && !errors.Is(err, ErrRejected) && !errors.Is(err, ErrNoMatch) {
		f.err = errStartAnew // this request was given up, which says nothing about the credentials
	}
	return subject, err
}

// land remembers a success, and lets those go on who wait.
func (c *cache) land(f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.flights, f.key)
	if f.err == nil && !f.subject.Anonymous() {
		c.proven.put(f.key, &proof{subject: f.subject, checked: f.begun})
	}
	close(f.landed)
}
