package target

import (
	"testing"
)

func TestMetrics(t *testing.T) {
	got := parse([]byte(`# TYPE go_goroutines gauge
go_goroutines 17
go_memstats_next_gc_bytes 1.6e+07
process_open_fds 12
process_resident_memory_bytes 5.3e+07
process_cpu_seconds_total 10.69
process_open_fds{x="y"} 99
registry_auth_requests_total{status="200"} 7
`))
	want := Usage{Resident: 5.3e7, NextGC: 1.6e7, Goroutines: 17, Files: 12}
	if got != want {
		t.Errorf("%+v", got)
	}
	if got := parse([]byte("nothing that is known")); got != (Usage{}) {
		t.Errorf("without them: %+v", got)
	}
}

// A long run keeps samples of all of its time.
func TestWatch(t *testing.T) {
	var w watch
	every, next := 1, 0
	const until = 5 * mostSamples
	for i := range until {
		if i == next {
			if w.add(Usage{Goroutines: float64(i)}) {
				every *= 2
			}
			next = i + every
		}
	}
	first, last := w.samples[0].Goroutines, w.samples[len(w.samples)-1].Goroutines
	if n := len(w.samples); n < mostSamples/2 || n >= mostSamples || first != 0 ||
		last < until-float64(every) {
		t.Errorf("%d samples from %v to %v", n, first, last)
	}
}

func TestClaims(t *testing.T) {
	for _, token := range []string{"", "a.b", "a.b.c", "a.!.c"} {
		if _, err := ReadClaims(token); err == nil {
			t.Errorf("%q has claims", token)
		}
	}
	got, err := ReadClaims("x.eyJzdWIiOiJhbGljZSIsImlzcyI6ImkifQ.x")
	if err != nil || got.Subject != "alice" || got.Issuer != "i" {
		t.Errorf("%+v, %v", got, err)
	}
}
