package load

import (
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/berthpass/registry-auth/examples/internal/latency"
)

// A tally is what a group's clients found. It is safe for concurrent use.
type tally struct {
	latency *latency.Histogram

	mu       sync.Mutex
	report   GroupReport
	bytes    uint64
	answers  uint64
	failures uint64
	last     time.Duration // when the last request ended, since the measuring began
	timeline timeline
	problems []string
}

func newTally(g *Group) *tally {
	return &tally{
		latency:  latency.New(),
		timeline: newTimeline(),
		report: GroupReport{
			Name: g.Name, Kind: g.Kind, Clients: g.Clients, Statuses: make(map[int]uint64), Errors: make(map[string]uint64),
		},
	}
}

// A result is how one request ended.
type result struct {
	at                time.Duration // when it ended, since the measuring began
	took              time.Duration
	answer            answer // of status 0 if there was none
	err               error
	problem           error // what was unexpected
	decoded, verified bool
}

func (t *tally) add(r *result) {
	if r.err == nil || errorKind(r.err) == timedOut {
		t.latency.Add(r.took)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.Requests++
	t.last = max(t.last, r.at)
	if r.err != nil {
		t.failures++
		t.report.Errors[errorKind(r.err)]++
		t.note(r.err)
		return
	}
	t.timeline.add(r.at)
	t.answers++
	t.bytes += uint64(len(r.answer.body))
	t.report.Statuses[r.answer.status]++
	if r.decoded {
		t.report.Decoded++
	}
	if r.verified {
		t.report.Verified++
	}
	granted := r.answer.status == http.StatusOK
	switch {
	case r.problem != nil:
		t.report.Unexpected++
		t.note(r.problem)
		if granted && t.report.Kind == Wrong {
			t.report.Granted++
		}
	case granted:
		t.report.Tokens++
	}
}

// note keeps a few problems.
func (t *tally) note(problem error) {
	const most = 3
	if len(t.problems) < most {
		t.problems = append(t.problems, t.report.Name+": "+problem.Error())
	}
}

func (t *tally) exhausted() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.UsersExhausted = true
}

// counts are for the progress.
func (t *tally) counts() (requests, unexpected, failures uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.report.Requests, t.report.Unexpected, t.failures
}

// finish makes the report.
func (t *tally) finish() (GroupReport, []string, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.report
	r.Statuses, r.Errors = maps.Clone(r.Statuses), maps.Clone(r.Errors)
	if t.last > 0 {
		r.Rate = float64(r.Requests) / t.last.Seconds()
	}
	if t.answers > 0 {
		r.AnswerBytes = float64(t.bytes) / float64(t.answers)
	}
	r.Latency = newLatency(t.latency)
	r.Timeline = t.timeline.Timeline
	return r, t.problems, t.last
}

// newLatency has points that are closer the nearer they come to 100 percent.
func newLatency(h *latency.Histogram) Latency {
	l := Latency{
		P50: h.Percentile(50), P90: h.Percentile(90), P99: h.Percentile(99), P999: h.Percentile(99.9), Max: h.Percentile(100),
	}
	for left := 100.0; left*float64(h.Count()) >= 100; left *= pointStep { // until it is less than one of them
		l.Points = append(l.Points, Point{100 - left, h.Percentile(100 - left)})
	}
	return l
}

// pointStep has ten points for each nine.
const pointStep = 0.7943282347242815
