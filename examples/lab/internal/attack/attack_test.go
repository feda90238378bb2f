package attack

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// group asks url, and finds no answer wrong.
func group(url string) Group {
	return Group{
		Name: "group", Clients: 1,
		Write: func(_ int, t *Target) { t.Method, t.URL = http.MethodGet, url },
		Judge: func(int, Answer) error { return nil },
	}
}

func measure(t *testing.T, plan Plan, groups ...Group) *Report {
	t.Helper()
	plan.Groups = groups
	if plan.Duration == 0 {
		plan.Duration = time.Minute
	}
	return Run(t.Context(), plan)
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

// Each request is judged by its own number, and a wrong answer is counted with its reason.
func TestAnswersAreJudgedByNumber(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Query().Get("n"))
	})
	g := group(url)
	g.Clients, g.Limit = 8, 200
	g.Write = func(n int, target *Target) {
		target.Method, target.URL = http.MethodGet, url+"?n="+string(rune('a'+n%26))
	}
	g.Judge = func(n int, a Answer) error {
		if string(a.Body) != string(rune('a'+n%26)) {
			t.Errorf("answer %d is %q", n, a.Body)
		}
		if n%10 == 0 {
			return errors.New("tens are wrong")
		}
		return nil
	}
	r := measure(t, Plan{}, g)
	got := r.Groups[0]
	if got.Requests != 200 || got.Wrong != 20 || got.Tokens != 180 ||
		got.Statuses[200] != 200 || got.Failed() != 20 {
		t.Errorf("%+v", got)
	}
	if len(got.Problems) != mostProblems || got.Problems[0] != "group: tens are wrong" {
		t.Errorf("problems are %q", got.Problems)
	}
	if got.P50 <= 0 || got.Max < got.P99 || got.P99 < got.P50 || got.Rate <= 0 ||
		len(got.Percentiles) == 0 {
		t.Errorf("%+v", got)
	}
}

func TestRequestsWithoutAnAnswer(t *testing.T) {
	closed, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	over := make(chan struct{})
	hangs := serve(t, func(http.ResponseWriter, *http.Request) { <-over })
	defer close(over)
	hangsUp := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for name, test := range map[string]struct {
		url   string
		times bool
	}{
		"nobody listens":      {"http://" + closed.Addr().String(), false},
		"the server hangs":    {hangs, true}, // its time counts, since somebody waits
		"the server hangs up": {hangsUp, false},
	} {
		g := group(test.url)
		g.Limit = 2
		got := measure(t, Plan{Timeout: 100 * time.Millisecond}, g).Groups[0]
		if got.Unanswered != 2 || got.Requests != 2 || len(got.Problems) != 2 {
			t.Errorf("%s: %+v", name, got)
		}
		if counts := got.Max >= 100*time.Millisecond; counts != test.times {
			t.Errorf("%s: the longest time is %v", name, got.Max)
		}
	}
}

// Clients have one request at a time, and groups do not share them.
func TestClients(t *testing.T) {
	var now, most atomic.Int64
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		now.Add(-1)
		_, _ = io.WriteString(w, "x")
	})
	one, other := group(url), group(url)
	one.Clients, one.Limit, other.Clients, other.Limit = 3, 200, 2, 100
	r := measure(t, Plan{}, one, other)
	if r.Groups[0].Requests != 200 || r.Groups[1].Requests != 100 || most.Load() > 5 {
		t.Errorf("%d at once: %+v", most.Load(), r)
	}
}

// A wrong answer in the warm-up is wrong too, and nothing else of it counts.
func TestWarmUp(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") })
	g := group(url)
	g.Limit = 10
	g.Judge = func(n int, _ Answer) error {
		if n == 0 {
			return errors.New("wrong")
		}
		return nil
	}
	r := measure(t, Plan{WarmUp: time.Minute}, g)
	got := r.Groups[0]
	if got.Wrong != 1 || got.Requests != 0 || len(got.Statuses) != 0 || got.P99 != 0 {
		t.Errorf("%+v", got)
	}
}

// With a rate, a request that waits for others is as late as they made it.
func TestTimesRunFromWhenARequestIsDue(t *testing.T) {
	var first sync.Once
	const stall = 300 * time.Millisecond
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		first.Do(func() {
			select {
			case <-time.After(stall):
			case <-r.Context().Done():
			}
		})
		_, _ = io.WriteString(w, "x")
	})
	g := group(url)
	g.Rate, g.Limit = 1000, 100
	got := measure(t, Plan{}, g).Groups[0]
	if got.Requests != 100 || got.P50 < stall/2 { // the last of them was due after 100 ms
		t.Errorf("%d requests, p50 is %v", got.Requests, got.P50)
	}
}

// The end of the context ends requests that are under way, and they say nothing of the server.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var answered atomic.Int64
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if answered.Add(1) <= 10 {
			_, _ = io.WriteString(w, "x")
			return
		}
		cancel() // the client waits for an answer that does not come
		<-r.Context().Done()
	})
	r := Run(ctx, Plan{Groups: []Group{group(url)}, Duration: time.Hour})
	if got := r.Groups[0]; !r.Interrupted || got.Requests != 10 || got.Unanswered != 0 {
		t.Errorf("%+v", r)
	}
}
