package authn_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

// slowSource returns a source. Each check receives its error from the channel, or ends with its
// context.
func slowSource() (*source, chan error) {
	finish := make(chan error)
	return &source{check: func(ctx context.Context, r authn.Request) (authn.Subject, error) {
		select {
		case err := <-finish:
			if err != nil {
				return authn.Subject{}, err
			}
			return authn.Subject{Name: r.Username, Stamp: "1"}, nil
		case <-ctx.Done():
			return authn.Subject{}, ctx.Err()
		}
	}}, finish
}

var errOtherSubject = errors.New("logged in as another subject")

// start logs in concurrently. The channel receives the result.
func start(ctx context.Context, a authn.Authenticator, name string) <-chan error {
	outcome := make(chan error, 1)
	go func() {
		subject, err := a.Authenticate(ctx, authn.Request{Username: name, Password: "right"})
		if err == nil && subject.Name != name {
			err = errOtherSubject
		}
		outcome <- err
	}()
	synctest.Wait()
	return outcome
}

func TestConcurrentRequestsShareACheck(t *testing.T) {
	broken := errors.New("the database is down")
	for name, want := range map[string]error{
		"right":  nil,
		"wrong":  authn.ErrRejected,
		"nobody": authn.ErrNoMatch,
		"broken": broken,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, finish := slowSource()
				cached := authn.Cache(s, authn.CacheConfig{})
				var outcomes []<-chan error
				for range 20 {
					outcomes = append(outcomes, start(t.Context(), cached, "alice"))
				}
				if checks := s.checks.Load(); checks != 1 {
					t.Fatalf("%d checks are running, want 1", checks)
				}
				finish <- want
				for _, outcome := range outcomes {
					if err := <-outcome; !errors.Is(err, want) {
						t.Errorf("error is %v, want %v", err, want)
					}
				}
				again := start(t.Context(), cached, "alice")
				if want != nil {
					finish <- want
				}
				if err := <-again; !errors.Is(err, want) {
					t.Errorf("a later request: %v, want %v", err, want)
				}
			})
		})
	}
}

// A request that begins after the user was disabled must not get the result of an earlier check.
func TestASharedSuccessIsConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, finish := slowSource()
		disabled := false
		s.lookup = func(name string) (authn.Subject, error) {
			if disabled {
				return authn.Subject{}, authn.ErrRejected
			}
			return authn.Subject{Name: name, Stamp: "1"}, nil
		}
		cached := authn.Cache(s, authn.CacheConfig{})
		first := start(t.Context(), cached, "alice")
		disabled = true
		second := start(t.Context(), cached, "alice")
		finish <- nil
		finish <- authn.ErrRejected // the check that the second request makes
		if err := <-first; err != nil {
			t.Errorf("the first request: %v", err)
		}
		if err := <-second; !errors.Is(err, authn.ErrRejected) {
			t.Errorf("the second request: %v, want a rejection", err)
		}
	})
}

// They must not wait for one another: a check takes long.
func TestWhatCannotBeConfirmedIsCheckedForEachRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, finish := slowSource()
		cached := authn.Cache(authn.Func(s.Authenticate), authn.CacheConfig{})
		var outcomes []<-chan error
		for range 20 {
			outcomes = append(outcomes, start(t.Context(), cached, "alice"))
		}
		finish <- nil
		synctest.Wait()
		if checks := s.checks.Load(); checks != 20 {
			t.Errorf("%d checks have begun after the first, want 20", checks)
		}
		close(finish)
		for _, outcome := range outcomes {
			if err := <-outcome; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestDifferentCredentialsDoNotShareACheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, finish := slowSource()
		cached := authn.Cache(s, authn.CacheConfig{})
		alice, bob := start(t.Context(), cached, "alice"), start(t.Context(), cached, "bob")
		if checks := s.checks.Load(); checks != 2 {
			t.Errorf("%d checks are running, want 2", checks)
		}
		close(finish)
		if err := errors.Join(<-alice, <-bob); err != nil {
			t.Error(err)
		}
	})
}

func TestAWaitingRequestEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, finish := slowSource()
		cached := authn.Cache(s, authn.CacheConfig{})
		first := start(t.Context(), cached, "alice")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		second := start(ctx, cached, "alice")
		began := time.Now()
		if err := <-second; !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("the second request ends after %v: %v", time.Since(began), err)
		}
		finish <- nil
		if err := <-first; err != nil || s.checks.Load() != 1 {
			t.Errorf("the first request, after %d checks: %v", s.checks.Load(), err)
		}
	})
}

func TestAnotherRequestTakesOverWhenTheFirstIsCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, finish := slowSource()
		cached := authn.Cache(s, authn.CacheConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		first := start(ctx, cached, "alice")
		second, third := start(t.Context(), cached, "alice"), start(t.Context(), cached, "alice")
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the first request: %v", err)
		}
		synctest.Wait()
		if checks := s.checks.Load(); checks != 2 {
			t.Errorf("%d checks, want one for the first request and one for the others", checks)
		}
		finish <- nil
		if err := errors.Join(<-second, <-third); err != nil {
			t.Error(err)
		}
	})
}

// A rejection is about the credentials, even if its request was canceled.
func TestTheRejectionOfACanceledRequestIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finish := make(chan struct{})
		s := &source{check: func(context.Context, authn.Request) (authn.Subject, error) {
			<-finish
			return authn.Subject{}, authn.ErrRejected
		}}
		cached := authn.Cache(s, authn.CacheConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		first, second := start(ctx, cached, "alice"), start(t.Context(), cached, "alice")
		cancel()
		close(finish)
		if err := <-first; !errors.Is(err, authn.ErrRejected) {
			t.Errorf("the first request: %v", err)
		}
		if err := <-second; !errors.Is(err, authn.ErrRejected) || s.checks.Load() != 1 {
			t.Errorf("the second request, after %d checks: %v", s.checks.Load(), err)
		}
	})
}

func TestAPanicOfTheSource(t *testing.T) {
	for name, end := range map[string]func(){
		"panic": func() { panic("test") },
		"exit":  runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				finish := make(chan struct{})
				s := &source{}
				s.check = func(_ context.Context, r authn.Request) (authn.Subject, error) {
					if s.checks.Load() == 1 {
						<-finish
						end()
					}
					return authn.Subject{Name: r.Username}, nil
				}
				cached := authn.Cache(s, authn.CacheConfig{})
				recovered := make(chan any, 1)
				go func() {
					defer func() { recovered <- recover() }()
					r := authn.Request{Username: "alice", Password: "right"}
					_, _ = cached.Authenticate(t.Context(), r)
				}()
				synctest.Wait()
				second := start(t.Context(), cached, "alice")
				close(finish)
				if got := <-recovered; name == "panic" && got != "test" {
					t.Errorf("the first request recovered %v", got)
				}
				err := <-second
				if err == nil || errors.Is(err, errOtherSubject) ||
					errors.Is(err, authn.ErrRejected) || errors.Is(err, authn.ErrNoMatch) {
					t.Errorf("the second request: %v", err)
				}
				if err := <-start(t.Context(), cached, "alice"); err != nil {
					t.Errorf("a later request: %v", err)
				}
			})
		})
	}
}
