//go:build load

package auth_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authn/throttle"
)

const (
	loadUsers     = 16
	loadFlooders  = 200
	loadRounds    = 8
	loadSlice     = time.Second
	leastKept     = 0.8
	leastFirst    = 1.0 / 3
	mostP99       = 250 * time.Millisecond
	honestAddress = "127.0.0.1"
	floodAddress  = "127.0.0.2"
	firstAddress  = "127.0.0.%d" // from 3 on
	firstNetworks = 4
)

// TestLoadWrongPasswordFlood measures what is left for others while 200 clients of one network send
// wrong passwords, as fast as they are answered: the rate of clients whose passwords are cached,
// and the rate of first logins from four other networks, as a part of the bare hash's. It takes two
// minutes and all processors, so it is built only with the tag load.
func TestLoadWrongPasswordFlood(t *testing.T) {
	for _, flood := range []struct {
		name string
		user func(client, n int) string
	}{
		{"one account", func(int, int) string { return "user0" }},
		{"all accounts", func(client, n int) string { return "user" + strconv.Itoa((client+n)%loadUsers) }},
		{"invented accounts", func(client, n int) string { return fmt.Sprintf("nobody%d-%d", client, n) }},
	} {
		t.Run(flood.name, func(t *testing.T) {
			l := newLoad(t)
			l.login()
			f := l.flood(flood.user)
			var alone, disturbed loadFigures
			var first, bare rate
			for range loadRounds { // alternately, so that other load on the machine affects both
				alone.add(l.run(loadSlice))
				bare.add(l.compare)
				f.start()
				time.Sleep(time.Second / 2)
				disturbed.add(l.run(loadSlice))
				first.add(l.firstLogins)
				f.pause()
				time.Sleep(5 * time.Second / 2) // until nobody waits for a comparison any more
			}
			answers := f.stop()
			t.Logf("first logins: %.2f/s, %.0f %% of the bare hash's %.2f/s",
				first.perSecond(), 100*first.perSecond()/bare.perSecond(), bare.perSecond())
			if first.perSecond() < leastFirst*bare.perSecond() {
				t.Errorf("first logins fell below %.0f %% of the bare hash", 100*leastFirst)
			}
			t.Logf("alone:   %v", &alone)
			t.Logf("flooded: %v, kept %.0f %%", &disturbed, 100*disturbed.rate()/alone.rate())
			t.Logf("by CPU:  kept %.0f %%, which is the better figure where other programs take a part of the processors",
				100*disturbed.perCPUSecond()/alone.perCPUSecond())
			t.Logf("flood:   %v, comparisons %+v", answers, l.checker.Stats())
			if disturbed.rate() < leastKept*alone.rate() {
				t.Errorf("the rate fell below %.0f %%", 100*leastKept)
			}
			if disturbed.percentile(99) > mostP99 {
				t.Errorf("the 99th percentile is above %v", mostP99)
			}
		})
	}
}

type load struct {
	t       *testing.T
	url     string
	checker *password.Checker
	honest  []*http.Client
	hash    []byte
	first   []*http.Client
	firsts  atomic.Int64 // how many users have tried to log in for the first time
}

// maxFirsts is more than can log in during the test.
const maxFirsts = 800

// firstLogins logs users in that have never logged in, and returns how many succeeded.
func (l *load) firstLogins() int {
	var done atomic.Int64
	var wg sync.WaitGroup
	begun := time.Now()
	for _, c := range l.first {
		wg.Go(func() {
			for time.Since(begun) < 2*loadSlice {
				name := "first" + strconv.FormatInt(l.firsts.Add(1), 10)
				if l.ask(l.t.Context(), c, name, "right") == http.StatusOK {
					done.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return int(done.Load())
}

// compare compares passwords without a server.
func (l *load) compare() (done int) {
	for begun := time.Now(); time.Since(begun) < loadSlice; done++ {
		if err := bcrypt.CompareHashAndPassword(l.hash, []byte("right")); err != nil {
			l.t.Fatal(err)
		}
	}
	return done
}

// A rate is how often something was done in which time.
type rate struct {
	done int
	took time.Duration
}

func (r *rate) add(do func() int) {
	begun := time.Now()
	r.done += do()
	r.took += time.Since(begun)
}

func (r *rate) perSecond() float64 { return float64(r.done) / r.took.Seconds() }

func newLoad(t *testing.T) *load {
	l := &load{t: t, checker: &password.Checker{}}
	hash, err := bcrypt.GenerateFromPassword([]byte("right"), 10)
	if err != nil {
		t.Fatal(err)
	}
	l.hash = hash
	for i := range firstNetworks {
		l.first = append(l.first, l.client(fmt.Sprintf(firstAddress, 3+i)))
	}
	var list []static.User
	for i := range loadUsers {
		list = append(list, static.User{Name: "user" + strconv.Itoa(i), PasswordHash: authn.Secret(hash)})
	}
	for i := range maxFirsts {
		list = append(list, static.User{Name: "first" + strconv.Itoa(i), PasswordHash: authn.Secret(hash)})
	}
	users, err := static.New(static.Config{Users: list, Checker: l.checker})
	if err != nil {
		t.Fatal(err)
	}
	server, err := auth.NewServer(auth.Config{
		Services:      auth.ServiceMap{service: newIssuer(t)},
		Authenticator: throttle.New(authn.Cache(users, authn.CacheConfig{}), throttle.Config{}),
		Authorizer:    policy(),
		Logger:        slog.New(discardLog{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(server)
	t.Cleanup(s.Close)
	l.url = s.URL
	return l
}

// client makes requests from an address of this machine.
func (l *load) client(address string) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 1}
	l.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// ask returns the status of one token request, or 0.
func (l *load) ask(ctx context.Context, c *http.Client, user, password string) int {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+"/token?service="+service+"&scope=repository:"+user+"/app:pull", nil)
	if err != nil {
		return 0
	}
	r.SetBasicAuth(user, password)
	response, err := c.Do(r)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode
}

// login lets the server remember all users.
func (l *load) login() {
	for i := range loadUsers {
		c := l.client(honestAddress)
		l.honest = append(l.honest, c)
		if status := l.ask(l.t.Context(), c, "user"+strconv.Itoa(i), "right"); status != http.StatusOK {
			l.t.Fatalf("user%d: status %d", i, status)
		}
	}
}

// loadFigures are what honest clients see.
type loadFigures struct {
	took    []time.Duration // of each token, sorted
	elapsed time.Duration
	cpu     time.Duration // that this process, client and server, has used
	refused int
}

func (f *loadFigures) add(other loadFigures) {
	f.took = append(f.took, other.took...)
	slices.Sort(f.took)
	f.elapsed += other.elapsed
	f.cpu += other.cpu
	f.refused += other.refused
}

func (f *loadFigures) rate() float64 { return float64(len(f.took)) / f.elapsed.Seconds() }

func (f *loadFigures) perCPUSecond() float64 { return float64(len(f.took)) / f.cpu.Seconds() }

func (f *loadFigures) percentile(p int) time.Duration {
	return f.took[len(f.took)*p/100].Round(10 * time.Microsecond)
}

func (f *loadFigures) String() string {
	return fmt.Sprintf("%.0f/s, p50 %v, p99 %v, %d refused", f.rate(), f.percentile(50), f.percentile(99), f.refused)
}

// run lets all users ask for tokens, one after another each.
func (l *load) run(d time.Duration) loadFigures {
	var mu sync.Mutex
	var all loadFigures
	var wg sync.WaitGroup
	begun, cpu := time.Now(), cpuTime()
	for i, c := range l.honest {
		wg.Go(func() {
			var mine loadFigures
			for time.Since(begun) < d {
				asked := time.Now()
				if l.ask(l.t.Context(), c, "user"+strconv.Itoa(i), "right") == http.StatusOK {
					mine.took = append(mine.took, time.Since(asked))
				} else {
					mine.refused++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all.add(mine)
		})
	}
	wg.Wait()
	if len(all.took) == 0 {
		l.t.Fatal("no honest client got a token")
	}
	all.elapsed, all.cpu = time.Since(begun), cpuTime()-cpu
	return all
}

// A loadFlood sends wrong passwords from when it is started until it is paused, each client as fast as it is answered.
type loadFlood struct {
	*tap

	stop func() string // tells how they were answered
}

func (l *load) flood(user func(client, n int) string) loadFlood {
	ctx, cancel := context.WithCancel(context.Background())
	tap := &tap{}
	tap.cond.L = &tap.mu
	var statuses [600]atomic.Int64
	var wg sync.WaitGroup
	for client := range loadFlooders {
		wg.Go(func() {
			c := l.client(floodAddress)
			for n := 0; tap.wait(); n++ {
				statuses[l.ask(ctx, c, user(client, n), fmt.Sprintf("wrong %d %d", client, n))].Add(1)
			}
		})
	}
	return loadFlood{tap, func() string {
		tap.close()
		cancel()
		wg.Wait()
		var answers []string
		for status := range statuses {
			if n := statuses[status].Load(); n > 0 {
				answers = append(answers, fmt.Sprintf("%d times %d", n, status))
			}
		}
		return strings.Join(answers, ", ")
	}}
}

// A tap lets waiters through while it is open.
type tap struct {
	mu           sync.Mutex
	cond         sync.Cond
	open, closed bool
}

func (p *tap) set(open, closed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open, p.closed = open, closed
	p.cond.Broadcast()
}

func (p *tap) start() { p.set(true, false) }
func (p *tap) pause() { p.set(false, false) }
func (p *tap) close() { p.set(false, true) }

func (p *tap) wait() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.open && !p.closed {
		p.cond.Wait()
	}
	return !p.closed
}
