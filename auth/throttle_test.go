package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authn/throttle"
	"github.com/berthpass/registry-auth/token"
)

// setClock is a clock that the test sets.
type setClock struct {
	mu   sync.Mutex
	time time.Time
}

func newSetClock() *setClock { return &setClock{time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *setClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.time
}

func (c *setClock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time = c.time.Add(d)
}

// throttledFixture is a server whose clients say in a header where they are.
func throttledFixture(t *testing.T, clock *setClock, source authn.Authenticator) *fixture {
	t.Helper()
	return newFixture(t, func(cfg *auth.Config) {
		if source == nil {
			source = cfg.Authenticator
		}
		cfg.Authenticator = throttle.New(authn.Cache(source, authn.CacheConfig{}), throttle.Config{Now: clock.now, Hold: -1})
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
			clock := newSetClock()
			f := throttledFixture(t, clock, nil)
			login(f, "192.0.2.1", "alice", "wonderland").wantStatus(200)
			for i := range 10 {
				login(f, "192.0.2.1", "alice", "wrong"+strconv.Itoa(i)).wantError(401, "UNAUTHORIZED", "invalid_grant")
			}
			login(f, "192.0.2.1", "alice", "wrong10").wantThrottled("1")
			if err := f.lastRecord().Err; !errors.Is(err, authn.ErrThrottled) || errors.Is(err, authn.ErrRejected) {
				t.Errorf("the audit has %v", err)
			}
			login(f, "192.0.2.1", "alice", "wonderland").wantStatus(200) // from where it was used
			login(f, "192.0.2.1", "admin", "adminpass").wantStatus(200)  // somebody else
			login(f, "192.0.2.2", "alice", "wonderland").wantStatus(200) // from elsewhere
			clock.add(time.Second)
			login(f, "192.0.2.1", "alice", "wrong11").wantStatus(401)
			clock.add(500 * time.Millisecond)
			login(f, "192.0.2.1", "alice", "wrong12").wantThrottled("2") // a second and a half
		})
	}
}

// A new machine at a throttled address has to wait, and gets in then.
func TestTheRightPasswordIsThrottledWhereItWasNeverUsed(t *testing.T) {
	clock := newSetClock()
	f := throttledFixture(t, clock, nil)
	for i := range 10 {
		f.loginFrom("192.0.2.1", "alice", "wrong"+strconv.Itoa(i)).wantStatus(401)
	}
	f.loginFrom("192.0.2.1", "alice", "wonderland").wantThrottled("1")
	clock.add(time.Second)
	f.loginFrom("192.0.2.1", "alice", "wonderland").wantStatus(200)
}

// containerd repeats a POST that was answered with 401 as a GET, and not one that was answered with 429.
func TestPostThenGetIsOneFailure(t *testing.T) {
	f := throttledFixture(t, newSetClock(), nil)
	for i := range 10 {
		f.postFrom("192.0.2.1", "alice", "wrong"+strconv.Itoa(i)).wantStatus(401)
		f.loginFrom("192.0.2.1", "alice", "wrong"+strconv.Itoa(i)).wantStatus(401)
	}
	f.postFrom("192.0.2.1", "alice", "wrong").wantThrottled("1")
}

func TestThrottledByAnAuthenticatorOfOnesOwn(t *testing.T) {
	for name, test := range map[string]struct {
		err     error
		seconds string
	}{
		"with a time":              {&throttle.Error{RetryAfter: 90 * time.Second}, "90"},
		"with a part of a second":  {fmt.Errorf("bind: %w", &throttle.Error{RetryAfter: time.Nanosecond}), "1"},
		"without a time":           {authn.ErrThrottled, "5"},
		"called a rejection too":   {errors.Join(authn.ErrRejected, authn.ErrThrottled), "5"},
		"with a time that is none": {&throttle.Error{}, "1"},
		"with a time in the past":  {&throttle.Error{RetryAfter: -time.Hour}, "1"},
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

// hashed makes a source of real hashes, as cheap as they are accepted, and the checker that counts the comparisons.
func hashed(t *testing.T, list ...static.User) (*static.Users, *password.Checker) {
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

// A hundred thousand guesses at alice in ten minutes, from forty addresses. All of them together get the hundred free ones,
// and each then one in the thirty seconds that the account is slowed down to; the rest costs no comparison.
func TestAHundredThousandGuesses(t *testing.T) {
	const guesses, addresses, lasting = 100_000, 40, 10 * time.Minute
	users, checker := hashed(t, static.User{Name: "alice"}, static.User{Name: "bob"})
	clock := newSetClock()
	server, err := auth.NewServer(auth.Config{
		Services:      map[string]auth.Issuer{service: newIssuer(t)},
		Authenticator: throttle.New(authn.Cache(users, authn.CacheConfig{}), throttle.Config{Now: clock.now, Hold: -1}),
		Authorizer:    policy(),
		RemoteAddr:    testAddr,
		Logger:        discardLogger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	login := func(address, username, password string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/token?service="+service, nil)
		r.Header.Set(testAddrHeader, address)
		r.SetBasicAuth(username, password)
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		return w
	}
	want := func(address, username string, status int) {
		t.Helper()
		if got := login(address, username, "right").Code; got != status {
			t.Errorf("%s from %s: status %d, want %d", username, address, got, status)
		}
	}
	want("192.0.2.1", "alice", 200)
	answers := map[int]int{}
	for i := range guesses {
		answers[login(fmt.Sprintf("10.0.0.%d", i%addresses), "alice", "wrong"+strconv.Itoa(i)).Code]++
		clock.add(lasting / guesses)
	}
	compared := checker.Stats().Compared - 1
	t.Logf("answers %v, %d comparisons", answers, compared)
	if most := uint64(100 + addresses*(1+int(lasting/(30*time.Second)))); compared > most || compared < 100 {
		t.Errorf("%d comparisons, want 100 to %d", compared, most)
	}
	if answers[401] != int(compared) || answers[401]+answers[429] != guesses {
		t.Errorf("answers are %v", answers)
	}
	want("192.0.2.1", "alice", 200)
	want("192.0.2.1", "bob", 200)
	want("10.0.0.1", "bob", 200)
	want("198.51.100.1", "alice", 429) // an address that nobody has seen yet
	clock.add(30 * time.Second)
	want("198.51.100.1", "alice", 200)
}
