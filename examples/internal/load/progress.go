package load

import "time"

// watch calls Progress until the function that it returns is called, and a last time then.
func (r *run) watch() (stop func()) {
	if r.config.Progress == nil {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(r.config.ProgressEvery)
		defer tick.Stop()
		for {
			r.config.Progress(r.progress())
			select {
			case <-tick.C:
			case <-done:
				r.config.Progress(r.progress())
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

func (r *run) progress() Progress {
	from := r.measuring.Load()
	if from == nil {
		return Progress{Phase: "prepare", Done: part(float64(r.loginsDone.Load()), float64(r.loginCount.Load()))}
	}
	elapsed := time.Since(*from)
	if elapsed < 0 {
		return Progress{Phase: "warm up", Done: 1 - part(float64(-elapsed), float64(r.config.WarmUp))}
	}
	p := Progress{Phase: "measure", Elapsed: elapsed, Done: part(float64(elapsed), float64(r.config.Duration))}
	for _, g := range r.groups {
		requests, unexpected, failures := g.tally.counts()
		p.Requests += requests
		p.Unexpected += unexpected
		p.Errors += failures
	}
	p.Done = max(p.Done, part(float64(p.Requests), float64(r.config.Requests)))
	return p
}

// part is between 0 and 1, and 0 of nothing.
func part(of, all float64) float64 {
	if all <= 0 {
		return 0
	}
	return min(of/all, 1)
}
