package load

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func alice() User { return User{"alice", "wonderland"} }
func bob() User   { return User{"bob", "builder"} }

// TestEachKind plays all kinds against a real server: they are answered as they should be, and a registry accepts the tokens.
func TestEachKind(t *testing.T) {
	const rounds = 6
	carol := User{"carol", "christmas"}
	at, verifier := newServer(t, alice(), bob(), carol)
	var verified atomic.Int64
	for _, test := range []struct {
		group  Group
		status int
		count  uint64
	}{
		{Group{Kind: Anonymous, Clients: 3, Scopes: []string{scope}}, http.StatusOK, 3 * rounds},
		{Group{Kind: Login, Clients: 3, Users: []User{alice(), bob()}, Scopes: []string{scope}}, http.StatusOK, 3 * rounds},
		{Group{Kind: Login, Clients: 3, Users: []User{alice()}, Scopes: []string{scope}, Unprepared: true}, http.StatusOK, 3 * rounds},
		{Group{Kind: Refresh, Clients: 3, Users: []User{alice(), bob()}, Scopes: []string{scope}}, http.StatusOK, 3 * rounds},
		{Group{Kind: Cold, Clients: 1, Users: []User{carol}, Scopes: []string{scope}}, http.StatusOK, 1},
		{Group{Kind: Wrong, Clients: 2, Users: []User{alice()}, Scopes: []string{scope}}, http.StatusUnauthorized, 2 * rounds},
		{Group{Kind: Wrong, Clients: 2}, http.StatusUnauthorized, 2 * rounds},
	} {
		test.group.Rounds = rounds
		c := config(at, test.group)
		c.DecodeEach, c.VerifyEach = 4, 5
		verified.Store(0)
		c.Verify = func(text string) error {
			verified.Add(1)
			claims, err := verifier.Verify(text)
			if err == nil && len(claims.Access) != 1 {
				err = errors.New("no access")
			}
			return err
		}
		g := play(t, c)
		want := map[int]uint64{test.status: test.count}
		if g.Requests != test.count || g.Unexpected != 0 || len(g.Errors) != 0 || !maps.Equal(g.Statuses, want) {
			t.Errorf("%+v: %+v", test.group, g)
		}
		if test.status == http.StatusOK {
			if wanted := (test.count + 4) / 5; g.Verified != wanted || int64(wanted) != verified.Load() || g.Tokens != test.count || g.Decoded < test.count/4 {
				t.Errorf("%s: %d tokens, %d decoded, %d verified", g.Name, g.Tokens, g.Decoded, g.Verified)
			}
		}
		if g.Latency.P50 <= 0 || g.Latency.Max < g.Latency.P999 || g.Rate <= 0 || g.AnswerBytes < 50 {
			t.Errorf("%s: %+v", g.Name, g)
		}
	}
}

// TestUnexpectedAnswers: what a server must not say is counted, and what it may say is not.
func TestUnexpectedAnswers(t *testing.T) {
	long := strings.Repeat(" ", shortAnswer)
	good := `{"token":"x"}`
	for name, test := range map[string]struct {
		kind       Kind
		status     int
		body       string
		unexpected uint64
		granted    uint64
		problem    string
	}{
		"a token":                       {Anonymous, 200, good, 0, 0, ""},
		"the OAuth2 name of a token":    {Anonymous, 200, `{"access_token":"x"}`, 0, 0, ""},
		"200 without a token":           {Anonymous, 200, `{}`, 8, 0, "200 without a token"},
		"200 without one, a long text":  {Anonymous, 200, `{}` + long, 4, 0, "200 without a token"},
		"200 without JSON":              {Anonymous, 200, `hello`, 8, 0, "200 without JSON"},
		"right credentials get 401":     {Login, 401, `no`, 8, 0, `401 "no"`},
		"right credentials get 429":     {Login, 429, ``, 0, 0, ""},
		"right credentials get 503":     {Login, 503, ``, 0, 0, ""},
		"right credentials get 500":     {Login, 500, ``, 8, 0, "500"},
		"a redirect is not followed":    {Anonymous, 302, ``, 8, 0, "302"},
		"a wrong password gets a token": {Wrong, 200, good, 8, 8, "a wrong password got 200 with 13 bytes"},
		"a wrong password gets 401":     {Wrong, 401, ``, 0, 0, ""},
		"a wrong password gets 429":     {Wrong, 429, ``, 0, 0, ""},
		"a wrong password gets 500":     {Wrong, 500, ``, 8, 0, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			c := config(says(t, test.status, test.body), Group{Kind: test.kind, Users: []User{alice()}, Unprepared: true, Rounds: 8})
			c.DecodeEach = 2
			report, err := Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			g := &report.Groups[0]
			if g.Unexpected != test.unexpected || g.Granted != test.granted || report.Unexpected() != test.unexpected || g.Requests != 8 {
				t.Errorf("%+v", g)
			}
			if problems := strings.Join(report.Problems, "\n"); !strings.Contains(problems, test.problem) || (problems == "") != (test.problem == "") {
				t.Errorf("problems are %q", problems)
			}
		})
	}
}

func TestATokenThatIsNotAcceptedIsUnexpected(t *testing.T) {
	c := config(says(t, 200, `{"token":"x"}`), Group{Kind: Anonymous, Rounds: 6})
	c.VerifyEach = 3
	c.Verify = func(string) error { return errors.New("a bad signature") }
	if g := play(t, c); g.Unexpected != 2 || g.Verified != 2 {
		t.Errorf("%+v", g)
	}
}

func TestErrorsAreCountedByKind(t *testing.T) {
	closed, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	over := make(chan struct{})
	hangs := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	defer close(over)
	hangsUp := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	for want, at := range map[string]string{"refused": "http://" + closed.Addr().String(), timedOut: hangs, "closed": hangsUp} {
		c := config(at, Group{Kind: Anonymous, Rounds: 2})
		c.Timeout = 100 * time.Millisecond
		g := play(t, c)
		if g.Errors[want] != 2 || g.Requests != 2 || len(g.Statuses) != 0 {
			t.Errorf("%s: %v", want, g.Errors)
		}
		if slow := g.Latency.P50 >= c.Timeout; slow != (want == timedOut) {
			t.Errorf("%s: p50 is %v", want, g.Latency.P50)
		}
	}
}

func TestBounds(t *testing.T) {
	var atOnce, most int
	var mu sync.Mutex
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		atOnce++
		most = max(most, atOnce)
		mu.Unlock()
		runtime.Gosched()
		_, _ = w.Write([]byte(`{"token":"x"}`))
		mu.Lock()
		atOnce--
		mu.Unlock()
	}))
	t.Run("the number of requests", func(t *testing.T) {
		c := config(at, Group{Kind: Anonymous, Clients: 7})
		c.Groups = append(c.Groups, c.Groups[0])
		c.Requests = 100
		report, err := Run(t.Context(), c)
		if err != nil || report.Requests() != 100 || report.Answered() != 100 || report.Interrupted {
			t.Errorf("%+v, %v", report, err)
		}
	})
	t.Run("the time", func(t *testing.T) {
		c := config(at, Group{Kind: Anonymous})
		c.Duration, c.WarmUp = 100*time.Millisecond, 100*time.Millisecond
		begun := time.Now()
		if g := play(t, c); g.Requests == 0 {
			t.Error("nothing was asked")
		}
		if took := time.Since(begun); took < 200*time.Millisecond || took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
	t.Run("the connections", func(t *testing.T) {
		most = 0
		g := play(t, config(at, Group{Kind: Anonymous, Clients: 50, Connections: 3, Rounds: 4}))
		if g.Requests != 200 || most > 3 {
			t.Errorf("%d requests, %d at once", g.Requests, most)
		}
	})
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var answered atomic.Int64
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answered.Add(1) <= 10 {
			_, _ = w.Write([]byte(`{"token":"x"}`))
			return
		}
		cancel() // the client waits for an answer that does not come
		<-r.Context().Done()
	}))
	report, err := Run(ctx, config(at, Group{Kind: Anonymous}))
	if err != nil {
		t.Fatal(err)
	}
	if g := report.Groups[0]; !report.Interrupted || g.Requests != 10 || len(g.Errors) != 0 {
		t.Errorf("%+v", report)
	}
}

// TestInterruptedWhilePreparing: nothing was measured, and that is an error.
func TestInterruptedWhilePreparing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	at := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	if _, err := Run(ctx, config(at, Group{Kind: Login, Users: []User{alice()}})); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"token":"x"}`))
	}))
	defer s.Close()
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	c := config(s.URL, Group{Kind: Anonymous, Rounds: 2})
	if g := play(t, c); g.Errors["other"] != 2 {
		t.Errorf("without the certificate: %+v", g)
	}
	c.RootCAs = x509.NewCertPool()
	c.RootCAs.AddCert(s.Certificate())
	if g := play(t, c); g.Tokens != 2 {
		t.Errorf("with it: %+v", g)
	}
}

func TestPreparationFails(t *testing.T) {
	at, _ := newServer(t, alice())
	for name, test := range map[string]struct {
		at    string
		group Group
		want  string
	}{
		"a password is wrong":         {at, Group{Kind: Login, Users: []User{{"alice", "x"}}}, "alice logs in: 401"},
		"there are no refresh tokens": {says(t, 200, `{"token":"x"}`), Group{Kind: Refresh, Users: []User{alice()}}, "alice got no refresh token"},
	} {
		if _, err := Run(t.Context(), config(test.at, test.group)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPreparationWaits: a server that has too much to do is asked again.
func TestPreparationWaits(t *testing.T) {
	var asked atomic.Int64
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(`{"token":"x"}`))
	}))
	if g := play(t, config(at, Group{Kind: Login, Users: []User{alice()}, Rounds: 1})); g.Tokens != 1 || asked.Load() != 3 {
		t.Errorf("%+v after %d requests", g, asked.Load())
	}
}

func TestColdUsersAreExhausted(t *testing.T) {
	at, _ := newServer(t, alice(), bob())
	g := play(t, config(at, Group{Kind: Cold, Clients: 2, Users: []User{alice(), bob()}}))
	if g.Tokens != 2 || !g.UsersExhausted {
		t.Errorf("%+v", g)
	}
}

func TestSources(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8")
	}
	var seen sync.Map
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		seen.Store(host, true)
		_, _ = w.Write([]byte(`{"token":"x"}`))
	}))
	list := []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.3.0.4")}
	play(t, config(at, Group{Kind: Anonymous, Clients: 3, Sources: list, Rounds: 1}))
	for _, a := range list {
		if _, ok := seen.LoadAndDelete(a.String()); !ok {
			t.Errorf("nobody came from %v", a)
		}
	}
	seen.Range(func(key, _ any) bool { t.Errorf("somebody came from %v", key); return true })
}

func TestProgress(t *testing.T) {
	at, _ := newServer(t, alice())
	c := config(at, Group{Kind: Login, Users: []User{alice()}})
	c.Requests = 50
	c.ProgressEvery = time.Millisecond
	var all []Progress
	c.Progress = func(p Progress) { all = append(all, p) }
	play(t, c)
	first, last := all[0], all[len(all)-1]
	if first.Phase != "prepare" || last.Phase != "measure" || last.Done != 1 || last.Requests != 50 || last.Elapsed <= 0 {
		t.Errorf("first %+v, last %+v", first, last)
	}
}

// TestHeader: a group's own header goes with its requests and with its logins.
func TestHeader(t *testing.T) {
	const address = "192.0.2.1"
	var without atomic.Int64
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Forwarded-For") != address || r.UserAgent() != userAgent {
			without.Add(1)
		}
		_, _ = io.WriteString(w, `{"token":"x","refresh_token":"y"}`)
	}))
	for _, kind := range []Kind{Anonymous, Login, Cold, Refresh} {
		g := play(t, config(at, Group{Kind: kind, Users: []User{alice()}, Rounds: 1, Header: http.Header{"X-Forwarded-For": {address}}}))
		if g.Requests != 1 || without.Load() != 0 {
			t.Errorf("%s: %d requests, of which %d are without the header", kind, g.Requests, without.Load())
		}
	}
}
