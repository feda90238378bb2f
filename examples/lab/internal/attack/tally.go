package attack

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

const (
	steps        = 60 // in which answers are counted
	mostProblems = 3  // that a group's report has
)

// A tally is what the clients of one group found. One goroutine uses it.
type tally struct {
	group    *Group
	counters *Counters
	from     time.Time // when measuring begins
	begun    time.Time
	step     time.Duration

	report  GroupReport
	latency vegeta.LatencyMetrics
	last    time.Duration // when the last request ended, from the beginning of the measuring
	sent    int
	due     int // of an open loop, until the end
}

func newTally(plan *Plan, g *Group, from time.Time) *tally {
	return &tally{
		group: g, counters: plan.Counters, from: from, begun: from.Add(-plan.WarmUp),
		step: max(plan.Duration/steps, time.Millisecond),
		due:  int(float64(g.Rate) * (plan.WarmUp + plan.Duration).Seconds()),
		report: GroupReport{
			Name: g.Name, Clients: g.Clients,
			Statuses: make(map[int]int), Unanswered: make(map[string]int),
		},
	}
}

func (t *tally) add(result *vegeta.Result) {
	t.sent++
	t.counters.Requests.Add(1)
	sent, ended := result.Timestamp, result.End()
	if rate := t.group.Rate; rate > 0 {
		interval := time.Second / time.Duration(rate)
		due := t.begun.Add(time.Duration(result.Seq+1) * interval) //nolint:gosec // far fewer
		if due.Before(sent) {
			sent = due
		}
	}
	counts := !sent.Before(t.from)
	if result.Code == 0 {
		t.unanswered(result, ended.Sub(sent), counts)
	} else {
		t.answered(result, ended.Sub(sent), counts)
	}
	if counts {
		t.report.Requests++
		t.last = max(t.last, ended.Sub(t.from))
	}
}

func (t *tally) unanswered(result *vegeta.Result, duration time.Duration, counts bool) {
	t.counters.Unanswered.Add(1)
	t.problem(result.Error)
	if !counts {
		return
	}
	kind := kindOf(result.Error)
	t.report.Unanswered[kind]++
	if kind == timedOut {
		t.latency.Add(duration)
	}
}

func (t *tally) answered(result *vegeta.Result, duration time.Duration, counts bool) {
	err := t.group.Judge(numberOf(result), Answer{
		Status: int(result.Code), Body: result.Body, MayRetry: result.Headers.Get("Retry-After") != "",
	})
	if err != nil { // also of the warm-up: a wrong answer is never right
		t.counters.Wrong.Add(1)
		t.report.Wrong++
		t.problem(err.Error())
	}
	if !counts {
		return
	}
	t.latency.Add(duration)
	t.report.Statuses[int(result.Code)]++
	if err == nil && result.Code == http.StatusOK {
		t.report.Tokens++
	}
	at := int(result.End().Sub(t.from) / t.step)
	for len(t.report.Counts) <= at {
		t.report.Counts = append(t.report.Counts, 0)
	}
	t.report.Counts[at]++
}

func (t *tally) problem(text string) {
	if len(t.report.Problems) < mostProblems {
		t.report.Problems = append(t.report.Problems, t.group.Name+": "+text)
	}
}

const timedOut = "timeout"

// kindOf is the name under which a request without an answer is counted. vegeta has the text alone.
func kindOf(text string) string {
	for _, kind := range []struct{ part, name string }{
		{"refused", "refused"},
		{"reset by peer", "reset"},
		{"broken pipe", "reset"},
		{"Client.Timeout", timedOut},
		{"deadline exceeded", timedOut},
		{"EOF", "closed"},
	} {
		if strings.Contains(text, kind.part) {
			return kind.name
		}
	}
	return "other"
}

// finish computes the rest of the report.
func (t *tally) finish() GroupReport {
	r := t.report
	r.Step = t.step
	if t.last > 0 {
		r.Rate = float64(r.Requests) / t.last.Seconds()
	}
	if t.group.Limit == 0 {
		r.Unsent = max(0, t.due-t.sent-1)
	}
	measured := len(r.Statuses) > 0 || r.Unanswered[timedOut] > 0
	if !measured {
		return r
	}
	within := func(percent float64) time.Duration { return t.latency.Quantile(percent / 100) }
	r.P50, r.P90, r.P99, r.P999 = within(50), within(90), within(99), within(99.9)
	r.Max = t.latency.Max
	const ratio = 0.7943282347242815 // its tenth power is a tenth
	for left := 100.0; left*float64(r.Requests) >= 100; left *= ratio {
		r.Percentiles = append(r.Percentiles, Point{Percent: 100 - left, Within: within(100 - left)})
	}
	return r
}

// Describe is the status, with the text of an answer that has no token in it.
func (a Answer) Describe() string {
	const most = 160
	if a.Status == http.StatusOK {
		return fmt.Sprintf("200 with %d bytes", len(a.Body))
	}
	return fmt.Sprintf("%d %q", a.Status, a.Body[:min(len(a.Body), most)])
}

// Busy reports whether the server says that there are too many requests, or too many failures.
func (a Answer) Busy() bool {
	return a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable
}
