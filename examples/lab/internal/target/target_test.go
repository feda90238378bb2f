package target

import (
	"testing"
	"time"
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
	want := Usage{Resident: 5.3e7, Live: 1.6e7, Goroutines: 17, Files: 12, CPU: 10.69}
	if got != want {
		t.Errorf("%+v", got)
	}
	if got := parse([]byte("nothing that is known")); got != (Usage{}) {
		t.Errorf("without them: %+v", got)
	}
}

func TestLowest(t *testing.T) {
	at := func(seconds int, live float64) Usage {
		return Usage{At: time.Duration(seconds) * time.Second, Live: live}
	}
	samples := []Usage{at(1, 5), at(2, 9), at(3, 7), at(4, 8), at(5, 2)}
	for name, test := range map[string]struct{ from, to, want float64 }{
		"all":  {0, 9, 2},
		"some": {2, 4, 7},
		"none": {7, 9, 0},
	} {
		from, to := time.Duration(test.from)*time.Second, time.Duration(test.to)*time.Second
		if got := Lowest(samples, from, to); got != test.want {
			t.Errorf("%s: %v", name, got)
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
