package throttle_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/throttle"
)

const key authn.Secret = "0123456789abcdef0123456789abcdef"

func TestReplicasCountTogether(t *testing.T) {
	for name, test := range map[string]struct {
		second authn.Secret
		want   int
	}{
		"with one key":  {key, 429},
		"with two keys": {key + "2", 401},
	} {
		t.Run(name, func(t *testing.T) {
			store := throttle.NewMemoryStore(100)
			guard(t, throttle.Config{Store: store, Key: key}, func(g *guarded) {
				g.guess(30, home, "alice")
				second := newGuarded(g.T, throttle.Config{Store: store, Key: test.second})
				second.want(home, "alice", "wrong", test.want)
			})
		})
	}
}

// Attack 5: a reload forgot who was right lately and kept the failures.
func TestAReloadForgetsNothing(t *testing.T) {
	config := throttle.Config{Store: throttle.NewMemoryStore(0), Key: key}
	guard(t, config, func(g *guarded) {
		g.want(home, "alice", "right", 200)
		g.guess(10, home, "alice")
		reloaded := newGuarded(g.T, config)
		reloaded.want(home, "alice", "right", 200)
		reloaded.want(home, "alice", "wrong", 429)
	})
}

func TestTheMemoryStoreIsBounded(t *testing.T) {
	config := throttle.Config{Store: throttle.NewMemoryStore(20), Key: key}
	guard(t, config, func(g *guarded) {
		g.guess(30, home, "alice")
		for i := range 9 { // two counts each
			g.guess(1, fmt.Sprintf("10.0.0.%d", i), "user"+strconv.Itoa(i))
		}
		g.want(home, "alice", "wrong", 429)
		for i := range 10 {
			g.guess(1, fmt.Sprintf("10.0.1.%d", i), "user"+strconv.Itoa(i))
		}
		g.want(home, "alice", "wrong", 401)
	})
}

// An attacker's own logins from many networks evicted the failures of its guesses.
func TestSuccessesEvictNoFailures(t *testing.T) {
	config := throttle.Config{Store: throttle.NewMemoryStore(100), Key: key}
	guard(t, config, func(g *guarded) {
		g.guess(30, home, "alice")
		for i := range 300 {
			g.want(fmt.Sprintf("2001:db8:0:%x::1", i), "bob", "right", 200)
		}
		g.want(home, "alice", "wrong", 429)
	})
}

// So do failures evict no successes, and a count is in one place only.
func TestACountMovesBetweenFailuresAndSuccesses(t *testing.T) {
	guard(t, throttle.Config{Store: throttle.NewMemoryStore(2), Key: key}, func(g *guarded) {
		g.guess(1, "", "alice")
		g.want("", "alice", "right", 200)
		g.guess(1, "", "a")
		g.guess(1, "", "b")
		if checked := g.guess(20, "", "alice"); checked != 10 {
			g.Errorf("%d guesses after a success, want 10", checked)
		}
		g.want("", "alice", "right", 200)
	})
}

// A brittleStore works, fails or hangs as the test wants, and counts the calls.
type brittleStore struct {
	throttle.Store

	err          error
	hangs        bool
	calls, looks atomic.Int64
	seen         func(...any)
}

func (b *brittleStore) fault(ctx context.Context) error {
	b.calls.Add(1)
	if b.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return cmp.Or(b.err, ctx.Err())
}

func (b *brittleStore) Look(ctx context.Context, keys []throttle.Key) ([]throttle.Count, error) {
	b.looks.Add(1)
	if err := b.fault(ctx); err != nil {
		return nil, err
	}
	counts, err := b.Store.Look(ctx, keys)
	b.see(keys, counts)
	return counts, err
}

func (b *brittleStore) Fail(ctx context.Context, f throttle.Failure) error {
	if err := b.fault(ctx); err != nil {
		return err
	}
	b.see(f)
	return b.Store.Fail(ctx, f)
}

func (b *brittleStore) Succeed(
	ctx context.Context, k throttle.Key, proof [8]byte, at time.Time, keep time.Duration,
) error {
	if err := b.fault(ctx); err != nil {
		return err
	}
	b.see(k, proof, at, keep)
	return b.Store.Succeed(ctx, k, proof, at, keep)
}

func (b *brittleStore) see(arguments ...any) {
	if b.seen != nil {
		b.seen(arguments...)
	}
}

func brittle() (*brittleStore, *bytes.Buffer, throttle.Config) {
	log := &bytes.Buffer{}
	store := &brittleStore{Store: throttle.NewMemoryStore(100)}
	logger := slog.New(slog.NewTextHandler(log, nil))
	return store, log, throttle.Config{Store: store, Key: key, Logger: logger}
}

func TestABrokenStoreLetsNobodyInOrOut(t *testing.T) {
	for name, fault := range map[string]struct {
		err   error
		hangs bool
	}{
		"an error": {err: errors.New("connect to redis.internal: refused")},
		"a hang":   {hangs: true},
	} {
		t.Run(name, func(t *testing.T) {
			store, log, config := brittle()
			guard(t, config, func(g *guarded) {
				g.guess(3, home, "alice")
				store.err, store.hangs = fault.err, fault.hangs
				begun := time.Now()
				if checked := g.guess(30, home, "alice"); checked != 10 {
					g.Errorf("%d guesses while the store is broken, want 10", checked)
				}
				g.want(other, "alice", "right", 200)
				if took := time.Since(begun); took > time.Second {
					g.Errorf("31 logins took %v", took)
				}
				time.Sleep(5 * time.Second) // one login makes another try
				g.guess(5, home, "alice")
				calls := store.calls.Load()
				store.err, store.hangs = nil, false
				time.Sleep(4 * time.Second)
				g.guess(1, "10.0.0.1", "alice")
				if store.calls.Load() != calls {
					g.Error("the store is asked before its time")
				}
				time.Sleep(time.Second)
				if checked := g.guess(30, home, "alice"); checked != 7 {
					g.Errorf("%d guesses when the store works, want the 7 that were left", checked)
				}
				text := log.String()
				if strings.Count(text, "level=ERROR") != 1 || strings.Count(text, "works again") != 1 {
					g.Errorf("the log: %s", text)
				}
			})
		})
	}
}

// A replica of a database is read-only. It gave new guesses every five seconds.
func TestAReadOnlyStoreCountsInMemory(t *testing.T) {
	store, log, config := brittle()
	config.Store = readOnlyStore{store}
	guard(t, config, func(g *guarded) {
		checked := 0
		for range 600 {
			checked += g.guess(3, home, "alice")
			time.Sleep(time.Second)
		}
		if checked != 19 { // ten, and after 1, 2, 4 … 256 seconds
			g.Errorf("%d guesses in ten minutes, want 19 as in memory", checked)
		}
		if text := log.String(); strings.Count(text, "\n") != 1 {
			g.Errorf("the log: %s", text)
		}
		g.want(other, "bob", "right", 200)
	})
}

// After five seconds, one login tries the store, and others do not wait for it.
func TestOneLoginTriesABrokenStoreAgain(t *testing.T) {
	store, _, config := brittle()
	store.hangs = true
	guard(t, config, func(g *guarded) {
		g.want(home, "alice", "right", 200)
		time.Sleep(5 * time.Second)
		before, begun := store.calls.Load(), time.Now()
		var wg sync.WaitGroup
		var waited atomic.Int64
		for i := range 20 {
			wg.Go(func() {
				g.want(fmt.Sprintf("10.0.0.%d", i), "alice", "right", 200)
				if time.Since(begun) > 0 {
					waited.Add(1)
				}
			})
		}
		wg.Wait()
		if calls := store.calls.Load() - before; calls != 1 || waited.Load() != 1 {
			g.Errorf("%d tries, and %d logins waited, want one", calls, waited.Load())
		}
	})
}

// The client has gone when the failure is counted; the store gets a context of its own.
func TestAStoreHearsOfAHangUp(t *testing.T) {
	store, log, config := brittle()
	guard(t, config, func(g *guarded) {
		ctx, hangUp := context.WithCancel(g.Context())
		g.check = func(context.Context, authn.Request) (authn.Subject, error) {
			hangUp()
			return authn.Subject{}, ctx.Err()
		}
		_, _ = g.users.Authenticate(ctx, request(home, "alice", "wrong"))
		g.check = nil
		if checked := g.guess(20, home, "alice"); checked != 9 || log.Len() > 0 {
			g.Errorf("%d guesses are left, want 9; the log: %s", checked, log)
		}
		store.hangs = true
		gone, cancel := context.WithTimeout(g.Context(), time.Millisecond)
		defer cancel()
		_, err := g.users.Authenticate(gone, request(other, "alice", "right"))
		if !errors.Is(err, context.DeadlineExceeded) || log.Len() > 0 {
			g.Errorf("error %v; the log: %s", err, log)
		}
	})
}

func TestAStoreThatBreaksItsContractIsBroken(t *testing.T) {
	_, log, config := brittle()
	config.Store = shortStore{config.Store}
	guard(t, config, func(g *guarded) {
		g.want(home, "alice", "right", 200)
		if !strings.Contains(log.String(), "level=ERROR") {
			g.Errorf("the log: %s", log)
		}
	})
}

type shortStore struct{ throttle.Store }

func (shortStore) Look(context.Context, []throttle.Key) ([]throttle.Count, error) {
	return nil, nil
}

type readOnlyStore struct{ throttle.Store }

func (readOnlyStore) Fail(context.Context, throttle.Failure) error {
	return errors.New("read-only")
}

func (readOnlyStore) Succeed(
	context.Context, throttle.Key, [8]byte, time.Time, time.Duration,
) error {
	return errors.New("read-only")
}

// A login with remembered credentials costs one read.
func TestRightCredentialsAreReadAndRarelyWritten(t *testing.T) {
	store, _, config := brittle()
	guard(t, config, func(g *guarded) {
		g.want(home, "alice", "right", 200)
		before, looks := store.calls.Load(), store.looks.Load()
		for range 100 {
			g.want(home, "alice", "right", 200)
		}
		if n := store.calls.Load() - before; n != 100 || store.looks.Load()-looks != 100 {
			g.Errorf("a hundred logins make %d calls, want a hundred looks", n)
		}
		time.Sleep(time.Minute)
		g.want(home, "alice", "right", 200)
		if n := store.calls.Load() - before; n != 102 {
			g.Errorf("after a minute, %d calls, want 102", n)
		}
	})
}

func TestAStoreSeesNoNamesAndWholeMicroseconds(t *testing.T) {
	store, _, config := brittle()
	var mu sync.Mutex
	var seen strings.Builder
	store.seen = func(arguments ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(&seen, "%+v %q\n", arguments, arguments)
		for _, argument := range arguments {
			at, _ := argument.(time.Time)
			if f, ok := argument.(throttle.Failure); ok {
				at = f.At
			}
			if at.Nanosecond()%1000 != 0 {
				t.Errorf("the time %v has nanoseconds", at)
			}
		}
	}
	guard(t, config, func(g *guarded) {
		time.Sleep(123456789)
		g.want(home, "alice", "opensesame", 401)
		g.want(home, "alice", "right", 200)
	})
	for _, secret := range []string{
		"alice", "opensesame", home, "192 0 2 1",
		fmt.Sprint([]byte("alice")), fmt.Sprint([]byte("opensesame")),
	} {
		if strings.Contains(seen.String(), secret) {
			t.Errorf("%q is in %s", secret, &seen)
		}
	}
	if seen.Len() == 0 {
		t.Error("the store was not asked")
	}
}

// Nobody is locked out for longer than the wait because a clock was wrong for a while.
func TestAClockThatWasWrong(t *testing.T) {
	const day = 24 * time.Hour
	for name, ahead := range map[string]time.Duration{
		"ahead by seconds":   3 * time.Second,
		"ahead by an hour":   time.Hour,
		"ahead by ten years": 3650 * day,
		"behind by an hour":  -time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			store := skewedStore{throttle.NewMemoryStore(100), ahead}
			guard(t, throttle.Config{Store: store, Key: key}, func(g *guarded) {
				g.want(other, "bob", "right", 200)
				g.guess(10, home, "alice")
				g.guess(10, home, "bob")
				g.guess(10, other, "bob")
				for range 5 {
					g.want(other, "bob", "right", 200) // lately is also the future
				}
				time.Sleep(5 * time.Second)
				for _, name := range []string{"alice", "bob"} {
					g.want(home, name, "right", 200)
				}
			})
		})
	}
}

// A skewedStore has the times of a replica with another clock.
type skewedStore struct {
	throttle.Store

	ahead time.Duration
}

func (s skewedStore) Fail(ctx context.Context, f throttle.Failure) error {
	f.At = f.At.Add(s.ahead)
	return s.Store.Fail(ctx, f)
}

func (s skewedStore) Succeed(
	ctx context.Context, k throttle.Key, proof [8]byte, at time.Time, keep time.Duration,
) error {
	return s.Store.Succeed(ctx, k, proof, at.Add(s.ahead), keep)
}
