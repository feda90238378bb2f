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

// A long run has samples of all of its time, and no more than can be drawn.
func TestSamples(t *testing.T) {
	for _, taken := range []int{1, mostSamples, 5*mostSamples + 7} {
		var s Server
		for i := range taken {
			s.samples = append(s.samples, Usage{Resident: float64(i)})
		}
		list := s.Samples()
		first, last := list[0].Resident, list[len(list)-1].Resident
		if len(list) > mostSamples || first != 0 || last < 0.99*float64(taken-1) {
			t.Errorf("of %d: %d samples from %v to %v", taken, len(list), first, last)
		}
		if s.Latest().Resident != float64(taken-1) {
			t.Errorf("of %d: the latest is %v", taken, s.Latest())
		}
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
