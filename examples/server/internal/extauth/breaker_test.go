package extauth

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

// TestBreakerRules: what opens it and what closes it, at times that are given.
func TestBreakerRules(t *testing.T) {
	const missed, answered = false, true
	start := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		notes []bool // at the start
		after time.Duration
		trial bool
		err   error
	}{
		"at first":                            {nil, 0, false, nil},
		"after four":                          {[]bool{missed, missed, missed, missed}, 0, false, nil},
		"after five":                          {[]bool{missed, missed, missed, missed, missed}, 0, false, errOpen},
		"with an answer among them":           {[]bool{missed, missed, missed, answered, missed, missed}, 0, false, nil},
		"a moment later":                      {[]bool{missed, missed, missed, missed, missed}, 1999 * time.Millisecond, false, errOpen},
		"when it is to be tried":              {[]bool{missed, missed, missed, missed, missed}, 2 * time.Second, true, nil},
		"when the trial had an answer":        {[]bool{missed, missed, missed, missed, missed, answered}, 0, false, nil},
		"when the clock was set back an hour": {[]bool{missed, missed, missed, missed, missed}, -time.Hour, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var b breaker
			for _, n := range test.notes {
				b.note(start, n)
			}
			now := start.Add(test.after)
			if trial, err := b.allow(now); trial != test.trial || !errors.Is(err, test.err) {
				t.Errorf("trial %v, %v", trial, err)
			}
			if !test.trial {
				return
			}
			if _, err := b.allow(now.Add(time.Second)); !errors.Is(err, errOpen) {
				t.Errorf("a second trial within two seconds: %v", err)
			}
			b.note(now.Add(2*time.Second), missed)
			if trial, err := b.allow(now.Add(2 * time.Second)); !trial || err != nil {
				t.Errorf("the next trial: %v, %v", trial, err)
			}
		})
	}
}

// TestBreaker: a program that hangs is not asked any more after five questions, and is again when it answers; one that fails at once
// is always asked.
func TestBreaker(t *testing.T) {
	folder := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write("program.sh", "#!/bin/sh\necho >> "+folder+"/asked\nread -r mode < "+folder+"/mode\n"+`case $mode in hangs) exec sleep 600;; fails) exit 9;; esac`)
	write("asked", "")
	p := New(Config{Path: filepath.Join(folder, "program.sh"), Env: os.Environ(), Timeout: 1500 * time.Millisecond, MaxRunning: 1})
	ask := func(wanted error) {
		t.Helper()
		_, err := p.Authenticator().Authenticate(t.Context(), authn.Request{Username: "alice", Password: "x"})
		if !errors.Is(err, wanted) || err != nil && errors.Is(err, authn.ErrRejected) {
			t.Errorf("error is %v, want %v", err, wanted)
		}
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
		ask(context.DeadlineExceeded)
	}
	for range 10 {
		ask(errOpen)
	}
	if n := asked(); n != breakerOpens {
		t.Errorf("it was asked %d times", n)
	}
	write("mode", "answers\n")
	p.breaker.tried = p.breaker.tried.Add(-breakerTries) // two seconds later
	for range 3 {
		ask(nil)
	}

	write("mode", "fails\n")
	for range 2 * breakerOpens {
		if _, err := p.Authenticator().Authenticate(t.Context(), authn.Request{Username: "alice", Password: "x"}); err == nil || errors.Is(err, errOpen) {
			t.Errorf("error is %v", err)
		}
	}
	if n := asked(); n != breakerOpens+3+2*breakerOpens {
		t.Errorf("it was asked %d times", n)
	}
}

// TestBreakerAndThoseWhoLeave: a client that goes, or waited for its place for most of the time, says nothing about the program.
func TestBreakerAndThoseWhoLeave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexec sleep 600"), 0o700); err != nil {
		t.Fatal(err)
	}
	p := New(Config{Path: path, Timeout: time.Minute, MaxRunning: 1})
	for range 2 * breakerOpens {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		_, err := p.Authenticator().Authenticate(ctx, authn.Request{Username: "alice", Password: "x"})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v", err)
		}
	}
	if p.breaker.open() {
		t.Error("the breaker is open")
	}
}
