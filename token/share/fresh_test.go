package share

import (
	"math"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

func TestFreshness(t *testing.T) {
	begun := time.Date(2030, 1, 1, 0, 0, 0, 400e6, time.UTC)
	const lifetime, period = 5 * time.Minute, 30 * time.Second
	made := answer{begun: begun, token: token.Token{
		ExpiresAt: begun.Add(lifetime), Lifetime: lifetime,
	}}
	for _, test := range []struct {
		name   string
		after  time.Duration
		period time.Duration
		fresh  bool
	}{
		{"at once", 0, period, true},
		{"a moment earlier, as another request saw the clock", -time.Millisecond, period, true},
		{"just before the end", period - 1, period, true},
		{"at the end", period, period, false},
		{"when the clock is set back", -time.Hour, period, false},
		{"a year later", 365 * 24 * time.Hour, period, false},
		{"within a quarter of the lifetime", 75*time.Second - 1, math.MaxInt64, true},
		{"after a quarter of the lifetime", 75 * time.Second, math.MaxInt64, false},
	} {
		if fresh := made.isFresh(begun.Add(test.after), test.period); fresh != test.fresh {
			t.Errorf("%s: %v", test.name, fresh)
		}
	}
}
