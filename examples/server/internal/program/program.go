// Package program asks programs who a user is and what a user may do, as docker_auth's ext_auth and
// ext_authz do.
//
// A program for ext_auth reads the user name, a space and the password from its standard input. It
// exits with
//
//	0  the password is right; the output may be {"labels": {"group": ["devs"]}}
//	1  the password is wrong
//	2  there is no such user
//
// A program for ext_authz reads a JSON object with Account, Type, Name, Service, IP, Actions and
// Labels, and exits with
//
//	0  all of the actions are granted
//	1  none is
//
// Anything else is an error, as are too much output and a timeout: the client gets a 503 and tries
// again later. Unlike in docker_auth, only so many programs run at once, and all processes that one
// started are killed when it ends.
package program

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sony/gobreaker/v2"
)

// A Program is a command that is run for each question. It is safe for concurrent use.
type Program struct {
	config  Config
	places  chan struct{} // one for each that may run
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
}

// A Config says how a program is run.
type Config struct {
	Path    string
	Args    []string
	Env     []string      // should not have the server's own secrets
	Timeout time.Duration // of a question; required
	// MaxRunning is how many programs may run at once. Required.
	MaxRunning int
}

// New returns a program. Where [Supported] returns an error, so does each question.
func New(config Config) *Program {
	return &Program{config, make(chan struct{}, config.MaxRunning), newBreaker()}
}

var errHangs = errors.New("it has timed out several times in a row, and is not asked for a moment")

// newBreaker makes a breaker for a program that hangs: each question would take the whole timeout,
// and the place of a question that the program can answer. It opens after some timeouts in a row.
// Then one question at a time is let through, a pause after the one before has failed, until one is
// answered. Canceled questions do not count.
//
// A program that fails at once does not open it. Asking costs little then, and a program that fails
// for certain names could be shut for everybody by a client that sends them.
func newBreaker() *gobreaker.TwoStepCircuitBreaker[struct{}] {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:      2 * time.Second,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 5 },
		IsSuccessful: func(err error) bool { return !errors.Is(err, context.DeadlineExceeded) },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) },
	})
}

// ask asks one question and returns the exit code and the output. The error means that there is no
// answer. It quotes what the program wrote to its standard error, without the secret.
func (p *Program) ask(ctx context.Context, question, secret string) (int, []byte, error) {
	done, err := p.breaker.Allow()
	if err != nil {
		return 0, nil, errHangs
	}
	ctx, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }() // after done: the next question sees what it did
	case <-ctx.Done():
		done(context.Canceled)
		return 0, nil, fmt.Errorf("too many are running: %w", ctx.Err())
	}
	if p.breaker.State() == gobreaker.StateOpen { // since this question began to wait
		done(context.Canceled)
		return 0, nil, errHangs
	}
	started := time.Now()
	code, output, err := p.execute(ctx, question, secret)
	if errors.Is(err, context.DeadlineExceeded) && time.Since(started) < p.config.Timeout/2 {
		done(context.Canceled) // it has waited for most of the time, or the client's was shorter
	} else {
		done(err)
	}
	return code, output, err
}
