package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A run is one call of Run.
type run struct {
	config Config
	ctx    context.Context //nolint:containedctx // that of Run: it ends all requests
	groups []*group
	from   time.Time // when measuring begins
	stop   context.CancelFunc

	loginCount, loginsDone, tickets atomic.Int64
	measuring                       atomic.Pointer[time.Time] // from, once it is known
}

// Run lets all clients log in that have to, then lets all ask as long as it is to, and reports. When ctx ends it stops at once,
// without waiting for answers, and reports what it has measured until then.
//
// An error means that nothing was measured: the configuration is wrong (ErrConfig), the target is somewhere else (ErrRemote), or
// preparations failed.
func Run(ctx context.Context, config Config) (*Report, error) {
	r, err := newRun(ctx, config)
	if err != nil {
		return nil, err
	}
	return r.do()
}

func newRun(ctx context.Context, config Config) (*run, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := config.checkTarget(ctx); err != nil {
		return nil, err
	}
	r := &run{config: config, ctx: ctx}
	for _, g := range config.Groups {
		made, err := newGroup(r, g)
		if err != nil {
			return nil, err
		}
		r.groups = append(r.groups, made)
	}
	return r, nil
}

func (r *run) do() (*Report, error) {
	defer r.close()
	defer r.watch()()
	if err := r.prepare(); err != nil {
		return nil, err
	}
	return r.measure(), nil
}

func (r *run) close() {
	for _, g := range r.groups {
		for _, t := range g.transports {
			t.CloseIdleConnections()
		}
	}
}

// measure lets all clients ask, and waits for them.
func (r *run) measure() *Report {
	begun := time.Now()
	r.from = begun.Add(r.config.WarmUp)
	end := r.from.Add(r.config.Duration)
	asking, stop := context.WithDeadline(r.ctx, end)
	defer stop()
	r.stop = stop
	r.measuring.Store(&r.from)
	var clients sync.WaitGroup
	for _, g := range r.groups {
		g.schedule = &schedule{begun: begun, end: end, rate: g.Rate}
		for connection := range g.Connections {
			clients.Go(func() { g.play(asking, connection) })
		}
	}
	go func() {
		clients.Wait()
		stop()
	}()
	sleep(asking, r.config.WarmUp)
	before := cpuNow()
	<-asking.Done()
	stopped := time.Now()
	clients.Wait()
	return r.report(stopped, cpuNow().minus(before))
}

// mayAsk counts the requests that are measured, and ends the run when there were enough.
func (r *run) mayAsk(due time.Time) bool {
	if r.config.Requests == 0 || due.Before(r.from) {
		return true
	}
	if uint64(r.tickets.Add(1)) <= r.config.Requests { //nolint:gosec // never negative
		return true
	}
	r.stop()
	return false
}

// timerSlack is how late a request may be sent because timers are late.
const timerSlack = 50 * time.Millisecond

func (r *run) report(stopped time.Time, used CPU) *Report {
	report := &Report{Target: r.config.URL, Interrupted: r.ctx.Err() != nil, CPU: used}
	for _, g := range r.groups {
		made, problems, last := g.tally.finish()
		if due, sent := g.schedule.due(r.from, stopped.Add(-timerSlack)), g.sent.Load(); due > sent && g.Rounds == 0 && !made.UsersExhausted {
			made.Unsent = due - sent
		}
		report.Groups = append(report.Groups, made)
		report.Problems = append(report.Problems, problems...)
		report.Elapsed = max(report.Elapsed, last)
	}
	return report
}

func (c CPU) minus(before CPU) CPU {
	return CPU{User: c.User - before.User, System: c.System - before.System}
}
