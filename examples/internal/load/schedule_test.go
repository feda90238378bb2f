package load

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// A handlerTransport asks a handler without a network, so that time can be that of synctest.
type handlerTransport struct{ http.Handler }

func (t handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	t.ServeHTTP(recorder, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return recorder.Result(), nil
}

func (handlerTransport) CloseIdleConnections() {}

// playBubble runs one client in a bubble, for ten seconds.
func playBubble(t *testing.T, g Group, warmUp time.Duration, handler http.HandlerFunc) *GroupReport {
	t.Helper()
	c := config("http://127.0.0.1/token", g)
	c.Duration, c.WarmUp = 10*time.Second, warmUp
	r, err := newRun(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.groups[0].transports {
		r.groups[0].transports[i] = handlerTransport{handler}
	}
	report, err := r.do()
	if err != nil {
		t.Fatal(err)
	}
	return &report.Groups[0]
}

// stalls answers in ten milliseconds, but for three seconds after the first one not at all.
func stalls() http.HandlerFunc {
	begun := time.Now()
	return func(w http.ResponseWriter, _ *http.Request) {
		if since := time.Since(begun); since > time.Second && since < 4*time.Second {
			time.Sleep(4*time.Second - since)
		}
		time.Sleep(10 * time.Millisecond)
		_, _ = w.Write([]byte(`{"token":"x"}`))
	}
}

// TestStallIsNotHidden: a server that stalls for three seconds of ten is slow for all that were due then, and for those behind
// them. A closed loop sees one of them, and so all of the usual percentiles look good.
func TestStallIsNotHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := playBubble(t, Group{Kind: Anonymous, Clients: 1, Rate: 50}, 0, stalls())
		if g.Requests != 500 || g.Unsent != 0 {
			t.Errorf("%d requests, %d unsent", g.Requests, g.Unsent)
		}
		if l := g.Latency; l.P50 < 300*time.Millisecond || l.P90 < 2*time.Second || l.Max < 2900*time.Millisecond || l.Max > 3100*time.Millisecond {
			t.Errorf("open loop: p50 %v, p90 %v, max %v", l.P50, l.P90, l.Max)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		g := playBubble(t, Group{Kind: Anonymous, Clients: 1}, 0, stalls())
		if l := g.Latency; l.P99 > 11*time.Millisecond || l.Max < 2900*time.Millisecond {
			t.Errorf("closed loop: p99 %v, max %v", l.P99, l.Max)
		}
	})
}

// TestUnsent: a server that can do about half of what is due leaves the other half.
func TestUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := playBubble(t, Group{Kind: Anonymous, Clients: 1, Rate: 20}, 0, func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(110 * time.Millisecond)
			_, _ = w.Write([]byte(`{"token":"x"}`))
		})
		if g.Requests != 91 || g.Unsent != 108 { // one more is within the slack
			t.Errorf("%d requests, %d unsent", g.Requests, g.Unsent)
		}
	})
}

// TestWarmUpDoesNotCount: neither what is due in it, nor how slow that is.
func TestWarmUpDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		g := playBubble(t, Group{Kind: Anonymous, Clients: 1, Rate: 10}, 3*time.Second, func(w http.ResponseWriter, _ *http.Request) {
			if time.Since(begun) < 2*time.Second {
				time.Sleep(50 * time.Millisecond)
			}
			_, _ = w.Write([]byte(`{"token":"x"}`))
		})
		if g.Requests != 100 || g.Latency.Max > time.Millisecond {
			t.Errorf("%d requests, max %v", g.Requests, g.Latency.Max)
		}
	})
}

func TestTimelineKeepsItsSizeAndItsSum(t *testing.T) {
	line := newTimeline()
	const each, seconds = 10, 3600
	for i := range seconds * each {
		line.add(time.Duration(i) * time.Second / each)
	}
	sum := uint64(0)
	for _, n := range line.Counts {
		sum += n
	}
	if len(line.Counts) > mostSteps || len(line.Counts) < mostSteps/2 || sum != seconds*each {
		t.Errorf("%d steps of %v with %d answers", len(line.Counts), line.Step, sum)
	}
	if got := float64(line.Counts[0]) / line.Step.Seconds(); got < each-0.1 || got > each+0.1 {
		t.Errorf("the first step has %g answers a second", got)
	}
}
