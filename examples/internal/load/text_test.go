package load

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestText(t *testing.T) {
	r := &Report{
		Elapsed: 2 * time.Second, CPU: CPU{User: 2 * time.Second, System: time.Second},
		Groups: []GroupReport{
			{
				Name: "pulls", Clients: 64, Requests: 2000, Rate: 1000, AnswerBytes: 416, Decoded: 20, Verified: 5,
				Latency:  Latency{P50: 1234 * time.Microsecond, P90: 12345 * time.Microsecond, P99: 123456 * time.Microsecond, P999: 1234 * time.Millisecond, Max: 5 * time.Second},
				Statuses: map[int]uint64{200: 1990, 503: 8}, Errors: map[string]uint64{timedOut: 2}, Unsent: 7,
			},
			{Name: "guesses", Clients: 1, Statuses: map[int]uint64{200: 3}, Unexpected: 3, Granted: 3, UsersExhausted: true},
		},
		Problems: []string{"guesses: a wrong password got 200"}, Interrupted: true,
	}
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`clients +requests +per second +p50 +p90 +p99 +p99.9 +max +bytes`,
		`pulls +64 +2000 +1000 +1.23 ms +12.3 ms +123 ms +1.23 s +5.00 s +416`,
		`pulls +200: 1990, 503: 8 +timeout: 2 +none +20 decoded, 5 verified`,
		`guesses +200: 3 +none +3 \(3 granted!\)`,
		`pulls: 7 requests were due and never sent`,
		`guesses: it ended early`,
		`problem: guesses: a wrong password got 200`,
		`interrupted`,
		`2000 requests in 2s, 1000/s in all; this process used 3s of CPU time \(1.50 processors\), 1s of it in the system`,
	} {
		if !regexp.MustCompile(want).MatchString(b.String()) {
			t.Errorf("there is no %q in\n%s", want, &b)
		}
	}
}
