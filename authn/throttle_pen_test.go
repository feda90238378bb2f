package authn_test

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

func TestThrottleHoldsRefusalsBack(t *testing.T) {
	for name, test := range map[string]struct{ configured, want time.Duration }{
		"by default":    {0, time.Second},
		"as configured": {3 * time.Second, 3 * time.Second},
		"not at all":    {-1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := guard(t, func(cfg *authn.ThrottleConfig) { cfg.Hold = test.configured })
				wantTook := func(what string, want time.Duration, login func()) {
					begun := time.Now()
					login()
					if took := time.Since(begun); took != want {
						t.Errorf("%s took %v, want %v", what, took, want)
					}
				}
				wantTook("a right password", 0, func() { g.want(home, "alice", "right", 200) })
				wantTook("a wrong password", 0, func() { g.want(home, "alice", "wrong", 401) })
				wantTook("a repeated one", test.want, func() { g.want(home, "alice", "wrong", 401) })
				g.guess(9, home, "alice")
				wantTook("a refusal", test.want, func() { g.want(home, "alice", "another", 429) })
				wantTook("a trusted password", 0, func() { g.want(home, "alice", "right", 200) })

				slow := 700 * time.Millisecond
				g.source.check = func(context.Context, authn.Request) (authn.Subject, error) {
					time.Sleep(slow)
					return authn.Subject{}, errors.New("too busy")
				}
				wantTook("one that could not be checked", max(slow, test.want), func() { g.want(other, "bob", "right", 503) })
				wantTook("a trusted one that could not be", slow, func() { g.want(home, "alice", "right", 503) })
			})
		})
	}
}

func TestThrottleHoldsNobodyWhoHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guard(t, func(cfg *authn.ThrottleConfig) { cfg.Hold = time.Minute })
		g.want(home, "alice", "wrong", 401)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		_, _ = g.Authenticate(ctx, authn.Request{Username: "alice", Password: "wrong", RemoteAddr: netip.MustParseAddr(home)})
		if took := time.Since(begun); took != time.Second {
			t.Errorf("held back for %v, and the client went after a second", took)
		}
	})
}

// What is held back costs memory, so there is a limit.
func TestThrottleHoldsALimitedNumberBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guard(t, func(cfg *authn.ThrottleConfig) { cfg.Hold = 0 })
		g.guess(10, home, "alice")
		var wg sync.WaitGroup
		var atOnce atomic.Int64
		begun := time.Now()
		for i := range 1500 {
			wg.Go(func() {
				g.want(home, "alice", authn.Secret(strconv.Itoa(i)), 429)
				if time.Since(begun) == 0 {
					atOnce.Add(1)
				}
			})
		}
		wg.Wait()
		if atOnce.Load() != 500 {
			t.Errorf("%d of 1500 were answered at once, want 500", atOnce.Load())
		}
	})
}
