package target

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
)

// A Usage is what the server says that it uses. What it does not say is 0.
type Usage struct {
	At       time.Duration `json:"at_ns"` // since the server was ready
	Resident float64       `json:"resident_bytes"`
	// NextGC is the size at which the heap is collected. The runtime sets it in proportion to what
	// the last collection left, so it follows what is alive and not the garbage of the moment.
	NextGC     float64 `json:"next_gc_bytes"`
	Goroutines float64 `json:"goroutines"`
	Files      float64 `json:"files"`
}

func (u Usage) String() string {
	return fmt.Sprintf("%.0f MiB, %.0f goroutines, %.0f files",
		u.Resident/(1<<20), u.Goroutines, u.Files)
}

func (s *Server) ask(ctx context.Context, path string) (attack.Answer, error) {
	url := "http://" + s.operators + path
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return attack.Answer{}, err
	}
	r.Close = true
	return clients.Do(http.DefaultClient, r)
}

// Usage asks the server for its metrics.
func (s *Server) Usage(ctx context.Context) (Usage, error) {
	answer, err := s.ask(ctx, "/metrics")
	if err == nil && answer.Status != http.StatusOK {
		err = fmt.Errorf("metrics: %s", answer.Describe())
	}
	u := parse(answer.Body)
	u.At = time.Since(s.begun)
	return u, err
}

// parse reads metrics without labels from Prometheus' text.
func parse(text []byte) (u Usage) {
	fields := map[string]*float64{
		"process_resident_memory_bytes": &u.Resident,
		"go_memstats_next_gc_bytes":     &u.NextGC,
		"go_goroutines":                 &u.Goroutines,
		"process_open_fds":              &u.Files,
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if field := fields[name]; field != nil {
			*field, _ = strconv.ParseFloat(value, 64) // 0 if it is no number
		}
	}
	return u
}

const (
	watchEvery  = 250 * time.Millisecond
	mostSamples = 1000
)

func (s *Server) startWatch() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended, tick := make(chan struct{}), time.NewTicker(watchEvery)
	s.begun = time.Now()
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if u, err := s.Usage(ctx); err == nil {
				s.mu.Lock()
				s.samples = append(s.samples, u)
				s.mu.Unlock()
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	return func() { cancel(); <-ended; tick.Stop() }
}

// Samples are what the server used, from the beginning, at most mostSamples and evenly apart.
func (s *Server) Samples() (list []Usage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 0; i < len(s.samples); i += 1 + len(s.samples)/mostSamples {
		list = append(list, s.samples[i])
	}
	return list
}

// Latest is what the server used a moment ago.
func (s *Server) Latest() (u Usage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.samples); n > 0 {
		u = s.samples[n-1]
	}
	return u
}

// Settled is what the server uses when it has no more goroutines and files than before, or after
// some seconds: connections that were closed need a moment to end.
func (s *Server) Settled(ctx context.Context, before Usage) (now Usage, err error) {
	for deadline := time.Now().Add(5 * time.Second); ; {
		now, err = s.Usage(ctx)
		if err != nil || time.Now().After(deadline) ||
			now.Goroutines <= before.Goroutines && now.Files <= before.Files {
			return now, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}
