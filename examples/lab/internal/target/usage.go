package target

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
)

// A Usage is what the server says that it uses. What it does not say is 0.
type Usage struct {
	At         time.Duration `json:"at_ns"` // since the server was started
	Resident   float64       `json:"resident_bytes"`
	Live       float64       `json:"live_bytes"` // see parse and Lowest
	Goroutines float64       `json:"goroutines"`
	Files      float64       `json:"files"`
	CPU        float64       `json:"cpu_s"`
}

// String has what people look at.
func (u Usage) String() string {
	return fmt.Sprintf("%.0f MiB, %.0f goroutines, %.0f files",
		u.Resident/(1<<20), u.Goroutines, u.Files)
}

// Usage asks the server for its metrics.
func (s *Server) Usage(ctx context.Context) (Usage, error) {
	url := "http://" + s.operators + "/metrics"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return Usage{}, err
	}
	r.Close = true
	answer, err := clients.Do(http.DefaultClient, r)
	if err == nil && answer.Status != http.StatusOK {
		err = fmt.Errorf("metrics: %s", answer.Describe())
	}
	u := parse(answer.Body)
	u.At = time.Since(s.begun)
	return u, err
}

// parse reads metrics without labels from Prometheus' text. The heap is collected when it reaches
// next_gc, which the runtime sets in proportion to what the last collection left: that follows what
// is live, and not the garbage of the moment.
func parse(text []byte) (u Usage) {
	fields := map[string]*float64{
		"process_resident_memory_bytes": &u.Resident,
		"go_memstats_next_gc_bytes":     &u.Live,
		"go_goroutines":                 &u.Goroutines,
		"process_open_fds":              &u.Files,
		"process_cpu_seconds_total":     &u.CPU,
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if field := fields[name]; field != nil {
			*field, _ = strconv.ParseFloat(value, 64) // 0 if it is no number
		}
	}
	return u
}

const watchEvery = 250 * time.Millisecond

// A watch keeps what the server used from the beginning.
type watch struct {
	stop func()

	mu      sync.Mutex
	samples []Usage
}

func (s *Server) startWatch() *watch {
	ctx, cancel := context.WithCancel(context.Background())
	w, ended := &watch{}, make(chan struct{})
	w.stop = func() { cancel(); <-ended }
	go func() {
		defer close(ended)
		for tick := time.NewTicker(watchEvery); ; {
			if u, err := s.Usage(ctx); err == nil {
				w.add(u)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				tick.Stop()
				return
			}
		}
	}()
	return w
}

func (w *watch) add(u Usage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.samples = append(w.samples, u)
}

// Samples are what the server used, from the beginning: at most a few hundred, evenly apart.
func (s *Server) Samples() []Usage {
	const most = 600
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	every := 1 + len(s.watch.samples)/most
	var list []Usage
	for i := 0; i < len(s.watch.samples); i += every {
		list = append(list, s.watch.samples[i])
	}
	return list
}

// Latest is what the server used a moment ago.
func (s *Server) Latest() (u Usage) {
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	if n := len(s.watch.samples); n > 0 {
		u = s.watch.samples[n-1]
	}
	return u
}

// Settled is what the server uses when it has no more goroutines and files than before, or after
// some seconds: connections that were closed need a moment to end.
func (s *Server) Settled(ctx context.Context, before Usage) (now Usage, err error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(5 * time.Second); ; {
		now, err = s.Usage(ctx)
		if err != nil || time.Now().After(deadline) ||
			now.Goroutines <= before.Goroutines && now.Files <= before.Files {
			return now, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}

// Lowest is the least live memory of some samples. One sample says little: a collection finds as
// much alive as requests that are under way hold at that moment.
func Lowest(samples []Usage, from, to time.Duration) (live float64) {
	for i := range samples {
		if u := &samples[i]; u.At >= from && u.At <= to && (live == 0 || u.Live < live) {
			live = u.Live
		}
	}
	return live
}

// Peak is the most memory that was seen.
func (s *Server) Peak() (resident float64) {
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	for i := range s.watch.samples {
		resident = max(resident, s.watch.samples[i].Resident)
	}
	return resident
}
