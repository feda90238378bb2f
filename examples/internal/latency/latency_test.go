package latency

import (
	"testing"
	"time"
)

func TestPercentilesAreExactToAThousandth(t *testing.T) {
	h := New()
	for i := range 100_000 {
		h.Add(time.Duration(i+1) * 10 * time.Microsecond)
	}
	for p, want := range map[float64]time.Duration{50: 500 * time.Millisecond, 99: 990 * time.Millisecond, 99.9: 999 * time.Millisecond, 100: time.Second} {
		if got := h.Percentile(p); got < want || got > want*1001/1000 {
			t.Errorf("p%v is %v, want %v", p, got, want)
		}
	}
	if h.Count() != 100_000 {
		t.Errorf("count is %d", h.Count())
	}
}

func TestTimesOutOfRangeAreCountedAtItsEnd(t *testing.T) {
	h := New()
	if got := h.Percentile(99); got != 0 {
		t.Errorf("p99 of nothing is %v", got)
	}
	h.Add(-time.Second)
	if got := h.Percentile(100); got != 0 {
		t.Errorf("a negative time is %v", got)
	}
	h.Add(time.Hour)
	if got := h.Percentile(100); got < Longest || got > Longest*1001/1000 {
		t.Errorf("an hour is %v", got)
	}
}
