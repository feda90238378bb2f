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
	Live       float64       `json:"live_bytes"` // see parse
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
	return parse(answer.Body), err
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
	w, ended, begun := &watch{}, make(chan struct{}), time.Now()
	w.stop = func() { cancel(); <-ended }
	go func() {
		defer close(ended)
		for tick := time.NewTicker(watchEvery); ; {
			if u, err := s.Usage(ctx); err == nil {
				u.At = time.Since(begun)
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

// Peak is the most memory that was seen.
func (s *Server) Peak() (resident float64) {
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	for i := range s.watch.samples {
		resident = max(resident, s.watch.samples[i].Resident)
	}
	return resident
}
