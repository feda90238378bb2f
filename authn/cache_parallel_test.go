package authn_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

func TestCacheIsBoundedWhenLarge(t *testing.T) {
	const most, users = 5000, 12_000
	s := &source{}
	cached := authn.Cache(s, authn.CacheConfig{MaxEntries: most})
	for i := range users {
		login(t, cached, s, strconv.Itoa(i), "right", nil)
	}
	s.check = func(context.Context, authn.Request) (authn.Subject, error) {
		return authn.Subject{}, authn.ErrRejected
	}
	for i := range users {
		want := authn.ErrRejected
		if i >= users-most {
			want = nil
		}
		login(t, cached, s, strconv.Itoa(i), "right", want)
	}
}

// alice's proof has expired, which is seen by nobody but bob, who is remembered as well.
func TestCacheDoesNotReviveWhatExpiredWhileOthersWereRemembered(t *testing.T) {
	s, c := &source{}, newClock()
	cached := authn.Cache(s, authn.CacheConfig{Now: c.now})
	login(t, cached, s, "alice", "right", nil)
	c.add(30 * time.Second)
	login(t, cached, s, "bob", "right", nil)
	c.add(40 * time.Second)
	if checks := login(t, cached, s, "bob", "right", nil); checks != 0 {
		t.Fatal("bob is not remembered")
	}
	c.add(-20 * time.Second)
	if checks := login(t, cached, s, "alice", "right", nil); checks != 1 {
		t.Error("an expired proof counts again")
	}
}

// While one request reads the clock, others see a later time. That is no clock that was set back.
func TestCacheReadsTheClockInAnyOrder(t *testing.T) {
	s, c := &source{}, newClock()
	meanwhile := func() {}
	cached := authn.Cache(s, authn.CacheConfig{Now: func() time.Time {
		now := c.now()
		meanwhile()
		return now
	}})
	login(t, cached, s, "alice", "right", nil)
	login(t, cached, s, "bob", "right", nil)
	inside, times := false, 2 // without the lock, and under it
	meanwhile = func() {
		if inside || times == 0 {
			return
		}
		inside, times = true, times-1
		c.add(10 * time.Millisecond)
		if checks := login(t, cached, s, "bob", "right", nil); checks != 0 {
			t.Error("bob is forgotten")
		}
		inside = false
	}
	login(t, cached, s, "carol", "right", nil)
	if checks := login(t, cached, s, "alice", "right", nil); checks != 0 {
		t.Error("alice is forgotten")
	}
}

// Between looking for a proof and waiting for the lock, another request has made one.
func TestCacheLooksAgain(t *testing.T) {
	s, c := &source{}, newClock()
	var meanwhile func()
	cached := authn.Cache(s, authn.CacheConfig{Now: func() time.Time {
		now := c.now()
		if other := meanwhile; other != nil {
			meanwhile = nil
			other()
		}
		return now
	}})
	meanwhile = func() {
		c.add(10 * time.Millisecond)
		login(t, cached, s, "alice", "right", nil)
	}
	if checks := login(t, cached, s, "alice", "right", nil); checks != 1 {
		t.Errorf("%d checks of the same credentials", checks)
	}
}

// However the clock goes, many requests at once are answered as one after another: who was asked
// for is who is let in, and the wrong password is wrong.
func TestCacheManyAtOnce(t *testing.T) {
	for name, most := range map[string]int{"small": 5, "large": 5000} {
		t.Run(name, func(t *testing.T) {
			var seconds atomic.Int64
			s := &source{}
			cached := authn.Cache(s, authn.CacheConfig{MaxEntries: most, Now: func() time.Time { return time.Unix(1e9+seconds.Load(), 0) }})
			var goroutines sync.WaitGroup
			for first := range 8 {
				goroutines.Go(func() {
					for i := range 2000 {
						r := authn.Request{Username: "user" + strconv.Itoa((first+i)%20), Password: "right"}
						if subject, err := cached.Authenticate(t.Context(), r); err != nil || subject.Name != r.Username {
							t.Errorf("%s logs in as %+v, %v", r.Username, subject, err)
						}
						if r.Password = "wrong"; i%10 == 0 {
							if subject, err := cached.Authenticate(t.Context(), r); err == nil {
								t.Errorf("%s with a wrong password logs in as %+v", r.Username, subject)
							}
						}
						switch i % 100 {
						case 0:
							seconds.Add(25)
						case 50:
							seconds.Add(-20)
						}
					}
				})
			}
			goroutines.Wait()
		})
	}
}
