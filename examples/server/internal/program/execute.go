package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// execute runs the program until ctx is done.
func (p *Program) execute(ctx context.Context, question, secret string) (int, []byte, error) {
	ctx, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	stdout := &limited{limit: 64 << 10, exceeded: func() { kill(errors.New("it writes too much")) }}
	stderr := &limited{limit: 512, exceeded: func() {}}
	//nolint:gosec // the owner of the configuration chooses the program
	cmd := exec.CommandContext(ctx, p.config.Path, p.config.Args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(question), stdout, stderr
	cmd.Env = p.config.Env
	cmd.WaitDelay = 500 * time.Millisecond // for its pipes when it has been killed
	err := runGroup(cmd)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, nil, context.Cause(ctx)
	case err == nil, errors.Is(err, exec.ErrWaitDelay),
		errors.As(err, &exit) && exit.Exited() && exit.ExitCode() <= 2:
		return cmd.ProcessState.ExitCode(), stdout.buffer.Bytes(), nil
	default:
		return 0, nil, fmt.Errorf("%w%s", err, stderr.quote(secret))
	}
}

// limited is a writer that keeps the first bytes. The buffer is not embedded, because io.Copy would
// call its ReadFrom.
type limited struct {
	buffer   bytes.Buffer
	limit    int
	exceeded func()
}

func (l *limited) Write(b []byte) (int, error) {
	kept := b[:min(len(b), l.limit-l.buffer.Len())]
	if len(kept) < len(b) {
		l.exceeded()
	}
	_, _ = l.buffer.Write(kept) // never fails
	return len(b), nil
}

// quote is what was written, for a message, without the secret.
func (l *limited) quote(secret string) string {
	text := l.buffer.String()
	if secret != "" {
		text = strings.ReplaceAll(text, secret, "***")
	}
	if secret != "" && l.buffer.Len() == l.limit { // it may end with a part of the secret
		text = text[:max(0, len(text)-len(secret)+1)]
	}
	if text = strings.TrimSpace(text); text != "" {
		text = fmt.Sprintf(", it says %q", text)
	}
	return text
}
