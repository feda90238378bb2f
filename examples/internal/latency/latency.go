// Package latency keeps how long many things took, in memory that does not grow with their number:
//
//	times := latency.New()
//	times.Add(time.Since(begun))
//	fmt.Println(times.Percentile(99))
package latency

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Histogram counts times by their length, exact to a thousandth, from a microsecond to Longest. It is safe for concurrent use.
// New makes one.
type Histogram struct {
	mu    sync.Mutex
	times *hdrhistogram.Histogram
}

// Longest is what longer times are taken for.
const Longest = 10 * time.Minute

const (
	unit   = time.Microsecond
	digits = 3
)

// New returns an empty histogram. It takes 200 KB.
func New() *Histogram {
	return &Histogram{times: hdrhistogram.New(1, int64(Longest/unit), digits)}
}

// Add counts one time.
func (h *Histogram) Add(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.times.RecordValue(int64(min(max(d, 0), Longest) / unit)) // it is in the range
}

// Count is how many times there are.
func (h *Histogram) Count() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return uint64(h.times.TotalCount()) //nolint:gosec // never negative
}

// Percentile is the time that p percent took at most, and 0 when nothing has been counted. Percentile(100) is the longest.
func (h *Histogram) Percentile(p float64) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Duration(h.times.ValueAtPercentile(p)) * unit
}
