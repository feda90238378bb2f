package extauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// A Program is a command that is run for each question. It is safe for concurrent use; New makes one.
type Program struct {
	path    string
	args    []string
	env     []string
	timeout time.Duration
	running chan struct{} // a place for each that may run
	breaker breaker
}

// A Config says how a program is run.
type Config struct {
	// Path and Args are the command.
	Path string
	Args []string
	// Env is its environment.
	Env []string
	// Timeout is how long one question may take, MaxRunning how many may be asked at once. Both are required.
	Timeout    time.Duration
	MaxRunning int
}

// New returns a program.
func New(cfg Config) *Program {
	return &Program{path: cfg.Path, args: cfg.Args, env: cfg.Env, timeout: cfg.Timeout, running: make(chan struct{}, cfg.MaxRunning)}
}

const (
	maxOutputBytes = 64 << 10
	maxStderrBytes = 512
	// killDelay is how long the program's pipes are waited for once it is dead.
	killDelay = 500 * time.Millisecond
)

var errTooMuchOutput = errors.New("it writes too much")

// run asks one question and returns the exit code and the output. The error means that there is no answer. It contains what
// the program wrote to its standard error, without the secret.
func (p *Program) run(ctx context.Context, question, secret string) (code int, output []byte, err error) {
	trial, err := p.breaker.allow(time.Now())
	if err != nil {
		return 0, nil, fmt.Errorf("run %s: %w", p.path, err)
	}
	ctx, done := context.WithTimeout(ctx, p.timeout)
	defer done()
	select {
	case p.running <- struct{}{}:
		defer func() { <-p.running }()
	case <-ctx.Done():
		return 0, nil, fmt.Errorf("run %s: too many are running: %w", p.path, ctx.Err())
	}
	if !trial && p.breaker.open() { // it was not when this question began to wait
		return 0, nil, fmt.Errorf("run %s: %w", p.path, errOpen)
	}
	started := time.Now()
	code, output, err = p.execute(ctx, question, secret)
	switch now := time.Now(); {
	case !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled):
		p.breaker.note(now, true)
	case errors.Is(err, context.DeadlineExceeded) && now.Sub(started) >= p.timeout/2: // and has not just waited for its place
		p.breaker.note(now, false)
	}
	return code, output, err
}

// execute runs the program until ctx is done.
func (p *Program) execute(ctx context.Context, question, secret string) (code int, output []byte, err error) {
	ctx, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	stdout, stderr := &limited{most: maxOutputBytes, exceeded: kill}, &limited{most: maxStderrBytes}
	cmd := exec.CommandContext(ctx, p.path, p.args...) //nolint:gosec // the owner of the configuration says which
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = strings.NewReader(question), stdout, stderr, p.env
	cmd.WaitDelay = killDelay
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // with all that it started
	err = cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it left running has no place among those that may run
	}

	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, nil, fmt.Errorf("run %s: %w", p.path, context.Cause(ctx))
	case err == nil || errors.Is(err, exec.ErrWaitDelay) || errors.Is(err, syscall.EPIPE): // it need not read its input
		return cmd.ProcessState.ExitCode(), stdout.buffer.Bytes(), nil
	case errors.As(err, &exit) && exit.Exited() && exit.ExitCode() <= 2:
		return exit.ExitCode(), stdout.buffer.Bytes(), nil
	default:
		return 0, nil, fmt.Errorf("run %s: %w%s", p.path, err, said(stderr.buffer.String(), secret))
	}
}

// said quotes what a program wrote to its standard error.
func said(text, secret string) string {
	if text = strings.TrimSpace(text); text == "" {
		return ""
	}
	if secret != "" {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return fmt.Sprintf(", it says %q", text)
}

// limited keeps what is written up to a bound. The rest is lost, and told to exceeded if that is set. The buffer is a field
// of its own: embedded, its ReadFrom would be what io.Copy calls.
type limited struct {
	buffer   bytes.Buffer
	most     int
	exceeded func(error)
}

func (l *limited) Write(b []byte) (int, error) {
	if l.buffer.Len()+len(b) <= l.most {
		return l.buffer.Write(b)
	}
	if l.exceeded != nil {
		l.exceeded(errTooMuchOutput)
	}
	_, _ = l.buffer.Write(b[:l.most-l.buffer.Len()]) // never fails
	return len(b), nil
}
