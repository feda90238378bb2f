package attack

import (
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
	GroupReport

	group   *Group
	plan    *Plan
	from    time.Time // when measuring begins
	latency vegeta.LatencyMetrics
	last    time.Duration // when the last request ended, from the beginning of the measuring
	sent    int
}

func newTally(plan *Plan, g *Group, from time.Time) *tally {
	return &tally{group: g, plan: plan, from: from, GroupReport: GroupReport{
		Name: g.Name, Clients: g.Clients, Statuses: make(map[int]int),
		Step: max(plan.Duration/steps, time.Millisecond),
	}}
}

// add judges and counts. An answer that is wrong in the warm-up is wrong too; nothing else of the
// warm-up counts.
func (t *tally) add(result *vegeta.Result) {
	t.sent++
	t.plan.Counters.Requests.Add(1)
	sent, ended := result.Timestamp, result.End()
	if rate := t.group.Rate; rate > 0 { // requests wait while all clients do
		//nolint:gosec // far fewer
		after := time.Duration(result.Seq+1) * time.Second / time.Duration(rate)
		if due := t.from.Add(after - t.plan.WarmUp); due.Before(sent) {
			sent = due
		}
	}
	right := result.Code != 0 && t.judge(result)
	if sent.Before(t.from) {
		return
	}
	t.Requests++
	t.last = max(t.last, ended.Sub(t.from))
	if result.Code == 0 {
		t.Unanswered++
		t.plan.Counters.Unanswered.Add(1)
		t.problem(result.Error)
		if !strings.Contains(result.Error, "Client.Timeout") {
			return
		}
	} else {
		t.count(int(result.Code), right, ended)
	}
	t.latency.Add(ended.Sub(sent))
}

func (t *tally) judge(result *vegeta.Result) (right bool) {
	err := t.group.Judge(numberOf(result), Answer{
		Status: int(result.Code), Body: result.Body,
		MayRetry: result.Headers.Get("Retry-After") != "",
	})
	if err != nil {
		t.Wrong++
		t.plan.Counters.Wrong.Add(1)
		t.problem(err.Error())
	}
	return err == nil
}

func (t *tally) count(status int, right bool, ended time.Time) {
	t.Statuses[status]++
	if right && status == http.StatusOK {
		t.Tokens++
	}
	at := int(ended.Sub(t.from) / t.Step)
	for len(t.Counts) <= at {
		t.Counts = append(t.Counts, 0)
	}
	t.Counts[at]++
}

func (t *tally) problem(text string) {
	if len(t.Problems) < mostProblems {
		t.Problems = append(t.Problems, t.Name+": "+text)
	}
}

// finish computes the rest of the report.
func (t *tally) finish(interrupted bool) GroupReport {
	if t.last > 0 {
		t.Rate = float64(t.Requests) / t.last.Seconds()
	}
	if t.group.Limit == 0 && !interrupted {
		due := float64(t.group.Rate) * (t.plan.WarmUp + t.plan.Duration).Seconds()
		t.Unsent = max(0, int(due)-1-t.sent)
	}
	if t.latency.Max == 0 {
		return t.GroupReport
	}
	t.P50, t.P99, t.Max = t.latency.Quantile(0.5), t.latency.Quantile(0.99), t.latency.Max
	const ratio = 0.7943282347242815 // ten points for each nine
	for left := ratio; left*float64(t.Requests) >= 1; left *= ratio {
		point := Point{Percent: 100 - 100*left, Within: t.latency.Quantile(1 - left)}
		t.Percentiles = append(t.Percentiles, point)
	}
	return t.GroupReport
}
