//go:build unix

package program

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

// breakerOpens is how many timeouts in a row open the breaker, breakerPause how long it is open.
const (
	breakerOpens = 5
	breakerPause = 2 * time.Second
)

// TestBreakerRules checks what opens and closes the breaker, with a clock of its own.
func TestBreakerRules(t *testing.T) {
	timeout, canceled := context.DeadlineExceeded, context.Canceled
	failure := errors.New("exit status 9")
	for name, test := range map[string]struct {
		ended []error // how the questions at the start ended
		after time.Duration
		open  bool
	}{
		"closed at first":                 {nil, 0, false},
		"closed after four timeouts":      {[]error{timeout, timeout, timeout, timeout}, 0, false},
		"open after five":                 {fiveOf(timeout), 0, true},
		"closed after five failures":      {fiveOf(failure), 0, false},
		"closed if clients left":          {append(fiveOf(canceled), timeout), 0, false},
		"open if a client left between":   {slices.Insert(fiveOf(timeout), 4, canceled), 0, true},
		"an answer among them resets all": {slices.Insert(fiveOf(timeout), 4, nil), 0, false},
		"open for two seconds":            {fiveOf(timeout), breakerPause, true},
		"tried after two seconds":         {fiveOf(timeout), breakerPause + 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker()
				for _, err := range test.ended {
					done, refused := b.Allow()
					if refused != nil {
						t.Fatal(refused)
					}
					done(err)
				}
				time.Sleep(test.after)
				if _, err := b.Allow(); (err != nil) != test.open {
					t.Errorf("error is %v", err)
				}
			})
		})
	}
}

func fiveOf(err error) []error { return []error{err, err, err, err, err} }

// TestBreakerTrials: while it is open, one question at a time finds out whether it can close.
func TestBreakerTrials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker()
		allow := func() func(error) {
			t.Helper()
			done, err := b.Allow()
			if err != nil {
				t.Fatal(err)
			}
			return done
		}
		refuse := func() {
			t.Helper()
			if _, err := b.Allow(); err == nil {
				t.Error("a question is let through")
			}
		}
		for range breakerOpens {
			allow()(context.DeadlineExceeded)
		}
		time.Sleep(breakerPause + 1)
		trial := allow()
		refuse()
		trial(context.Canceled)
		trial = allow() // the client of the first trial left, so this one may try at once
		time.Sleep(time.Minute)
		refuse()
		trial(context.DeadlineExceeded)
		refuse()
		time.Sleep(breakerPause + 1)
		allow()(nil)
		for range 2 * breakerOpens {
			defer allow()(nil)
		}
	})
}

// TestBreaker: a program that hangs is not asked any more after five questions, and is again when
// it answers; one that fails at once is always asked.
func TestBreaker(t *testing.T) {
	folder := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write("program.sh", "#!/bin/sh\necho >> "+folder+"/asked\nread -r mode < "+folder+"/mode\n"+
		`case $mode in hangs) exec sleep 600;; fails) exit 9;; esac`)
	write("asked", "")
	p := New(Config{
		Path: filepath.Join(folder, "program.sh"), Env: os.Environ(),
		Timeout: 1500 * time.Millisecond, MaxRunning: 1,
	})
	ask := func() error {
		_, err := p.Authenticator().Authenticate(t.Context(), alice())
		if errors.Is(err, authn.ErrRejected) {
			t.Error(err)
		}
		return err
	}
	asked := func() int {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(folder, "asked"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), "\n")
	}

	write("mode", "hangs\n")
	for range breakerOpens {
		if err := ask(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v", err)
		}
	}
	for range 10 {
		if err := ask(); !errors.Is(err, errHangs) {
			t.Errorf("error is %v", err)
		}
	}
	if n := asked(); n != breakerOpens {
		t.Errorf("it was asked %d times", n)
	}
	write("mode", "answers\n")
	for tick := time.NewTicker(50 * time.Millisecond); errors.Is(ask(), errHangs); { // two seconds
		<-tick.C
	}
	for range 2 {
		if err := ask(); err != nil {
			t.Error(err)
		}
	}

	write("mode", "fails\n")
	for range 2 * breakerOpens {
		if err := ask(); err == nil || errors.Is(err, errHangs) {
			t.Errorf("error is %v", err)
		}
	}
	if n := asked(); n != breakerOpens+3+2*breakerOpens {
		t.Errorf("it was asked %d times", n)
	}
}

func alice() authn.Request { return authn.Request{Username: "alice", Password: "x"} }

// TestBreakerAndClientsThatLeave: a client that leaves, or waited for its place for most of the
// time, says nothing about the program.
func TestBreakerAndClientsThatLeave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexec sleep 600"), 0o700); err != nil {
		t.Fatal(err)
	}
	p := New(Config{Path: path, Timeout: time.Minute, MaxRunning: 1})
	for range 2 * breakerOpens {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		_, err := p.Authenticator().Authenticate(ctx, alice())
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v", err)
		}
	}
}
