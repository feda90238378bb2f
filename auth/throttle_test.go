package auth_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authn/throttle"
)

// throttledFixture is a server in a bubble of synctest. A header has the address of the client.
func throttledFixture(t *testing.T, source authn.Authenticator) *fixture {
	t.Helper()
	return newLocalFixture(t, func(cfg *auth.Config) {
		if source == nil {
			source = cfg.Authenticator
		}
		cfg.Authenticator = throttle.New(
			authn.Cache(source, authn.CacheConfig{}), throttle.Config{RefusalDelay: -1})
		cfg.RemoteAddr = testAddr
	})
}

const testAddrHeader = "X-Test-Address"

func testAddr(r *http.Request) netip.Addr {
	address, _ := netip.ParseAddr(r.Header.Get(testAddrHeader))
	return address
}

// loginFrom asks by GET.
func (f *fixture) loginFrom(address, username, password string) *reply {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, f.url+"?service="+service, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set(testAddrHeader, address)
	r.SetBasicAuth(username, password)
	return f.do(r)
}

// postFrom asks by POST.
func (f *fixture) postFrom(address, username, password string) *reply {
	f.t.Helper()
	body := form("grant_type", "password", "service", service, "client_id", "test", "username", username, "password", password)
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.url, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set(testAddrHeader, address)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return f.do(r)
}

func (r *reply) wantThrottled(seconds string) {
	r.t.Helper()
	r.wantError(429, "TOOMANYREQUESTS", "temporarily_unavailable")
	wantHeader(r.t, r, "Retry-After", true, seconds)
	wantHeader(r.t, r, "WWW-Authenticate", false, "")
}

func TestTheEleventhWrongPasswordIsThrottled(t *testing.T) {
	for name, login := range map[string]func(f *fixture, address, username, password string) *reply{
		"by GET": (*fixture).loginFrom, "by POST": (*fixture).postFrom,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := throttledFixture(t, nil)
				for i := range 10 {
					login(f, "192.0.2.1", "alice", "wrong"+strconv.Itoa(i)).wantError(401, "UNAUTHORIZED", "invalid_grant")
				}
				login(f, "192.0.2.1", "alice", "wrong10").wantThrottled("1")
				refused := (*throttle.Error)(nil)
				if err := f.lastRecord().Err; !errors.As(err, &refused) || errors.Is(err, authn.ErrRejected) {
					t.Errorf("the audit has %v", err)
				}
				login(f, "192.0.2.1", "admin", "adminpass").wantStatus(200)  // another user
				login(f, "192.0.2.2", "alice", "wonderland").wantStatus(200) // from elsewhere
				time.Sleep(time.Second)
				login(f, "192.0.2.1", "alice", "wrong11").wantStatus(401)
				time.Sleep(500 * time.Millisecond)
				login(f, "192.0.2.1", "alice", "wrong12").wantThrottled("2") // a second and a half
			})
		})
	}
}

func TestTheRightPasswordIsNotThrottledWhereItWasUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := throttledFixture(t, nil)
		f.loginFrom("192.0.2.1", "alice", "wonderland").wantStatus(200)
		for i := range 10 {
			f.loginFrom("192.0.2.1", "alice", "wrong"+strconv.Itoa(i)).wantStatus(401)
		}
		f.loginFrom("192.0.2.1", "alice", "wrong10").wantThrottled("1")
		f.loginFrom("192.0.2.1", "alice", "wonderland").wantStatus(200)
	})
}

// A new machine at a throttled address has to wait.
func TestTheRightPasswordIsThrottledWhereItWasNeverUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := throttledFixture(t, nil)
		for i := range 10 {
			f.loginFrom("192.0.2.1", "alice", "wrong"+strconv.Itoa(i)).wantStatus(401)
		}
		f.loginFrom("192.0.2.1", "alice", "wonderland").wantThrottled("1")
		time.Sleep(time.Second)
		f.loginFrom("192.0.2.1", "alice", "wonderland").wantStatus(200)
	})
}

// containerd repeats a POST that was answered with 401 as a GET, and not one that was answered with
// 429.
func TestPostThenGetIsOneFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := throttledFixture(t, nil)
		for i := range 10 {
			f.postFrom("192.0.2.1", "alice", "wrong"+strconv.Itoa(i)).wantStatus(401)
			f.loginFrom("192.0.2.1", "alice", "wrong"+strconv.Itoa(i)).wantStatus(401)
		}
		f.postFrom("192.0.2.1", "alice", "wrong").wantThrottled("1")
	})
}

func TestThrottledByACustomAuthenticator(t *testing.T) {
	for name, test := range map[string]struct {
		err     error
		seconds string
	}{
		"with a time":                 {&throttle.Error{RetryAfter: 90 * time.Second}, "90"},
		"with a part of a second":     {fmt.Errorf("bind: %w", &throttle.Error{RetryAfter: time.Nanosecond}), "1"},
		"called a rejection too":      {errors.Join(authn.ErrRejected, &throttle.Error{RetryAfter: 5 * time.Second}), "5"},
		"with a time that is none":    {&throttle.Error{}, "1"},
		"with a time that is forever": {&throttle.Error{RetryAfter: math.MaxInt64}, "9223372037"},
		"with a time in the past":     {&throttle.Error{RetryAfter: -time.Hour}, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(cfg *auth.Config) {
				cfg.RefreshTokens = nil
				cfg.Authenticator = authn.Func(func(context.Context, authn.Request) (authn.Subject, error) { return authn.Subject{}, test.err })
			})
			f.get("service=registry.test", "alice:wonderland").wantThrottled(test.seconds)
		})
	}
}

// hashed makes a source of real hashes, as cheap as they are accepted, and the checker that counts
// the comparisons.
func hashed(t *testing.T, list ...static.User) (*password.Users, *password.Checker) {
	t.Helper()
	checker := &password.Checker{Concurrency: 8} // the others compare while one rests
	for i := range list {
		hash, err := bcrypt.GenerateFromPassword([]byte("right"), 5)
		if err != nil {
			t.Fatal(err)
		}
		list[i].PasswordHash = authn.Secret(hash)
	}
	users, err := static.New(static.Config{Users: list, Checker: checker, Logger: discardLogger()})
	if err != nil {
		t.Fatal(err)
	}
	return users, checker
}

// A hundred thousand guesses at alice in ten minutes, from forty addresses. Each address gets the
// ten free ones, and then one after each wait, which doubles; the others cost no comparison.
func TestAHundredThousandGuesses(t *testing.T) {
	const guesses, addresses, lasting = 100_000, 40, 10 * time.Minute
	synctest.Test(t, func(t *testing.T) {
		users, checker := hashed(t, static.User{Name: "alice"}, static.User{Name: "bob"})
		f := throttledFixture(t, users)
		want := func(address, username string, status int) {
			t.Helper()
			if r := f.loginFrom(address, username, "right"); r.StatusCode != status {
				t.Errorf("%s from %s: status %d, want %d", username, address, r.StatusCode, status)
			}
		}
		want("192.0.2.1", "alice", 200)
		answers := map[int]int{}
		for i := range guesses {
			address := fmt.Sprintf("10.0.0.%d", i%addresses)
			answers[f.loginFrom(address, "alice", "wrong"+strconv.Itoa(i)).StatusCode]++
			time.Sleep(lasting / guesses)
		}
		compared := checker.Stats().Compared - 1
		t.Logf("answers %v, %d comparisons", answers, compared)
		doublings := uint64(math.Log2(lasting.Seconds()))
		if most := addresses * (10 + doublings + 1); compared > most || compared < 10*addresses {
			t.Errorf("%d comparisons, want %d to %d", compared, 10*addresses, most)
		}
		if answers[401] != int(compared) || answers[401]+answers[429] != guesses {
			t.Errorf("answers are %v", answers)
		}
		want("192.0.2.1", "alice", 200)
		want("192.0.2.1", "bob", 200)
		want("10.0.0.1", "bob", 200)
		want("10.0.0.1", "alice", 429)
		time.Sleep(15 * time.Minute)
		want("10.0.0.1", "alice", 200)
	})
}
