package attack

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

const defaultTimeout = 10 * time.Second

// Run lets all groups ask and reports. When ctx ends, Run ends all requests and reports what was
// measured until then.
func Run(ctx context.Context, plan Plan) *Report {
	running, stop := context.WithCancel(ctx)
	defer stop()
	if plan.Counters == nil {
		plan.Counters = new(Counters)
	}
	tallies := make([]*tally, len(plan.Groups))
	var groups sync.WaitGroup
	from := time.Now().Add(plan.WarmUp)
	for i := range plan.Groups {
		tallies[i] = newTally(&plan, &plan.Groups[i], from)
		groups.Go(func() { play(running, &plan, tallies[i]) })
	}
	groups.Wait()
	report := &Report{Interrupted: ctx.Err() != nil}
	for _, t := range tallies {
		report.Groups = append(report.Groups, t.finish(report.Interrupted))
		report.Elapsed = max(report.Elapsed, t.last)
	}
	return report
}

// play lets one group ask until the time is over, its limit is reached, or ctx ends.
func play(ctx context.Context, plan *Plan, t *tally) {
	transport := newTransport(ctx, t.group.Clients)
	defer transport.CloseIdleConnections()
	clients := uint64(t.group.Clients) //nolint:gosec // not negative
	attacker := vegeta.NewAttacker(
		vegeta.Client(&http.Client{
			Transport: transport,
			Timeout:   cmp.Or(plan.Timeout, defaultTimeout),
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			},
		}),
		vegeta.Workers(clients), vegeta.MaxWorkers(clients),
	)
	defer context.AfterFunc(ctx, func() { attacker.Stop() })()
	pace := vegeta.Rate{Freq: t.group.Rate, Per: time.Second} // frequency 0 does not wait
	for result := range attacker.Attack(t.group.targeter(), pace, plan.WarmUp+plan.Duration, "") {
		if result.Error == vegeta.ErrNoTargets.Error() || result.Code == 0 && ctx.Err() != nil {
			continue // it was not sent, or was interrupted
		}
		t.add(result)
	}
}

// targeter numbers the requests. The number travels in the fragment of the URL, which vegeta keeps
// in the result and no client sends.
func (g *Group) targeter() vegeta.Targeter {
	var next atomic.Int64
	return func(target *Target) error {
		n := int(next.Add(1) - 1)
		if g.Limit > 0 && n >= g.Limit {
			return vegeta.ErrNoTargets
		}
		g.Write(n, target)
		target.URL += "#" + strconv.Itoa(n)
		return nil
	}
}

func numberOf(result *vegeta.Result) int {
	_, fragment, _ := strings.Cut(result.URL, "#")
	n, _ := strconv.Atoi(fragment) // as targeter wrote it
	return n
}

// newTransport has a connection for each client. All are closed when ctx ends, since vegeta's
// requests have no context.
func newTransport(ctx context.Context, clients int) *http.Transport {
	dialer := &net.Dialer{Timeout: defaultTimeout}
	return &http.Transport{
		DialContext: func(dialing context.Context, network, address string) (net.Conn, error) {
			connection, err := dialer.DialContext(dialing, network, address)
			if err == nil {
				context.AfterFunc(ctx, func() { _ = connection.Close() })
			}
			return connection, err
		},
		MaxConnsPerHost:     clients,
		MaxIdleConnsPerHost: clients,
		DisableCompression:  true,
		ForceAttemptHTTP2:   true,
		IdleConnTimeout:     time.Minute,
	}
}
