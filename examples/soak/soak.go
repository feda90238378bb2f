package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/berthpass/registry-auth/examples/internal/latency"
)

const (
	progressEvery = 5 * time.Second
	warmUpShare   = 4 // of the time, one part
	loggedIn      = "all users have logged in"
)

// A report is what is told in the end.
type report struct {
	elapsed time.Duration      // after warming up
	times   *latency.Histogram // of answers after warming up
	counts  *counts
	idle    usage // before the server was started
	warm    usage // after warming up, and no request under way
	end     usage // the same at the end
	left    usage // after the server was stopped
}

// soak starts the server, asks it for as long as it is to, and stops it.
func soak(ctx context.Context, s settings, progress io.Writer) (*report, error) {
	r := &report{times: latency.New()}
	r.idle = measure()
	server, err := newServer(ctx, s.users)
	if err != nil {
		return nil, err
	}
	l := newLoad(server, s.connections)
	_, _ = fmt.Fprintf(progress, "%d users and %d connections at %s, for %v\n", s.users, s.connections, server.URL, s.duration)
	err = l.logIn(ctx)
	if err == nil {
		_, _ = fmt.Fprintln(progress, loggedIn)
		l.run(ctx, s, r, progress)
	}
	l.close()
	stopErr := server.close()
	r.left = settled(r.idle)
	r.counts = &l.counts
	if err != nil {
		return nil, err
	}
	return r, stopErr
}

// run lets all clients ask, and measures. The clients are the same in number whenever it does.
func (l *load) run(ctx context.Context, s settings, r *report, progress io.Writer) {
	asking, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var clients sync.WaitGroup
	for _, c := range l.clients {
		clients.Go(func() { c.work(asking) })
	}
	for _, g := range l.guessers {
		clients.Go(func() { g.work(asking) })
	}
	ctx, cancel := context.WithTimeout(ctx, s.duration)
	defer cancel()
	warm := time.NewTimer(s.duration / warmUpShare)
	defer warm.Stop()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	begun, last, before := time.Now(), time.Now(), uint64(0)
	for ctx.Err() == nil {
		select {
		case <-warm.C:
			r.warm = l.pause()
			l.times.Store(r.times)
			r.elapsed -= time.Since(begun)
			l.resume()
		case <-tick.C:
			now, answered := time.Now(), l.answered.Load()
			u := l.pause()
			l.resume()
			_, _ = fmt.Fprintf(progress, "%6v  %6.0f/s  %v\n", now.Sub(begun).Round(time.Second), float64(answered-before)/now.Sub(last).Seconds(), u)
			last, before = now, answered
		case <-ctx.Done():
		}
	}
	r.elapsed += time.Since(begun)
	r.end = l.pause()
	stop()
	l.resume()
	clients.Wait()
}
