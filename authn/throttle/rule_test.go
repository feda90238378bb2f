package throttle

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// extreme returns a random duration, often one at which sums overflow.
func extreme() time.Duration {
	all := []time.Duration{
		0, 1, time.Second, time.Hour, math.MaxInt64, math.MaxInt64 - 1, math.MaxInt64 / 2,
	}
	if i := rand.IntN(2 * len(all)); i < len(all) {
		return all[i]
	}
	return time.Duration(rand.Int64() >> rand.IntN(63))
}

func extremeInt() int {
	all := []int{0, 1, 10, 1000, math.MaxInt, math.MaxInt - 1}
	return all[rand.IntN(len(all))] - rand.IntN(2)
}

// For any rule and any times, the wait is neither negative nor longer than MaxDelay, further
// failures and logins under way never shorten it, nor does time ever prolong it.
func TestWaitsAreSound(t *testing.T) {
	for range 200_000 {
		rule := Rule{extremeInt(), extreme(), extreme(), extreme()}
		if rand.IntN(4) == 0 {
			rule.Window, rule.FirstDelay, rule.MaxDelay = -rule.Window, -rule.FirstDelay, -rule.MaxDelay
		}
		rule = rule.withDefaults(10, []int{1, 4, 16}[rand.IntN(3)])
		if rule.Free <= 0 || rule.FirstDelay <= 0 || rule.Window < rule.MaxDelay {
			t.Fatalf("the rule is off: %+v", rule)
		}
		now := time.Now().Add(extreme()).Add(-extreme())
		c := Count{Failures: extremeInt(), Last: now.Add(-extreme()).Add(extreme() / (1 << 30))}
		if rand.IntN(10) == 0 {
			c.Last = time.Time{}
		}
		underWay := rand.IntN(3) * rand.IntN(1000)
		wait := rule.wait(c, underWay, now)
		if wait < 0 || wait > rule.MaxDelay {
			t.Fatalf("wait %v: rule %+v, count %+v, %d under way, at %v", wait, rule, c, underWay, now)
		}
		more := c
		more.Failures = max(c.Failures, c.Failures+rand.IntN(100))
		if longer := rule.wait(more, underWay, now); longer < wait {
			t.Fatalf("%v, with more failures %v: rule %+v, count %+v", wait, longer, rule, c)
		}
		if longer := rule.wait(c, underWay+1, now); longer < wait {
			t.Fatalf("%v, with one more under way %v: rule %+v, count %+v", wait, longer, rule, c)
		}
		wait, later := rule.wait(c, 0, now), rule.wait(c, 0, now.Add(time.Minute))
		if !c.Last.After(now) && later > wait {
			t.Fatalf("%v, a minute later %v: rule %+v, count %+v", wait, later, rule, c)
		}
	}
}

// Fault 1.
func TestSumsDoNotOverflow(t *testing.T) {
	now := time.Now()
	c := Count{Failures: 1 << 30, Last: now}
	for name, rule := range map[string]Rule{
		"never forget":      {Window: math.MaxInt64},
		"the longest delay": {MaxDelay: math.MaxInt64},
		"the longest of all": {
			Window: math.MaxInt64, FirstDelay: math.MaxInt64, MaxDelay: math.MaxInt64,
		},
		"the first is longest": {FirstDelay: math.MaxInt64},
	} {
		rule = rule.withDefaults(10, 16)
		if wait := rule.wait(c, 0, now); wait != rule.MaxDelay {
			t.Errorf("%s: wait %v, want %v", name, wait, rule.MaxDelay)
		}
	}
	most := Rule{Free: math.MaxInt}.withDefaults(10, 16)
	c.Failures = math.MaxInt
	if most.Free < math.MaxInt/16*16 || most.wait(c, 1000, now) != 0 {
		t.Errorf("as many free failures as there can be: %+v", most)
	}
}

func TestFieldsThatAreNotPositiveHaveTheirDefaults(t *testing.T) {
	want := Rule{
		Free: 40, Window: 15 * time.Minute, FirstDelay: time.Second, MaxDelay: 15 * time.Minute,
	}
	for _, rule := range []Rule{
		{}, {-1, -1, -1, -1}, {math.MinInt, math.MinInt64, math.MinInt64, math.MinInt64},
	} {
		if got := rule.withDefaults(10, 4); got != want {
			t.Errorf("%+v becomes %+v, want %+v", rule, got, want)
		}
	}
}

// Clocks of replicas differ, and are set back.
func TestFailuresOfTheFuture(t *testing.T) {
	rule := Rule{}.withDefaults(10, 1)
	now := time.Now()
	for ahead, want := range map[time.Duration]time.Duration{
		0:                         8 * time.Second,
		3 * time.Second:           8 * time.Second,
		5 * time.Minute:           8 * time.Second,
		5*time.Minute + 1:         0,
		time.Hour:                 0,
		10 * 365 * 24 * time.Hour: 0,
	} {
		if wait := rule.wait(Count{Failures: 13, Last: now.Add(ahead)}, 0, now); wait != want {
			t.Errorf("failed %v ahead: wait %v, want %v", ahead, wait, want)
		}
	}
}

// Or a flood from many networks would fill the memory.
func TestChecksThatEndedAreNotTracked(t *testing.T) {
	throttled := &throttle{underWay: map[[16]byte]int{}}
	first := []Key{{Hash: [16]byte{1}}, {Hash: [16]byte{9}}}
	second := []Key{{Hash: [16]byte{2}}, {Hash: [16]byte{9}}}
	for i, step := range []struct {
		keys   []Key
		change int
		want   []int
	}{
		{first, 1, []int{0, 0}},
		{second, 1, []int{0, 1}},
		{second, 1, []int{1, 2}},
		{first, -1, []int{1, 3}},
		{second, -1, []int{2, 2}},
		{second, -1, []int{1, 1}},
	} {
		if got := throttled.track(step.keys, step.change); !slices.Equal(got, step.want) {
			t.Errorf("step %d: %v were under way, want %v", i, got, step.want)
		}
	}
	if n := len(throttled.underWay); n != 0 {
		t.Errorf("%d keys are left", n)
	}
}

// When too many pairs are guessed at, credentials of further ones pass no more until all numbers of
// guesses are forgotten.
func TestGuessesAreBoundedInMemory(t *testing.T) {
	right, wrong, now := [8]byte{1}, [8]byte{2}, time.Now()
	throttled, pair := &throttle{}, Count{Right: [4][8]byte{right}, RightAt: now}
	try := func(i int, proof [8]byte) bool {
		a := &attempt{proof: proof, keys: make([]Key, 1)}
		binary.BigEndian.PutUint64(a.keys[0].Hash[:], uint64(i))
		return throttled.wasRight(a, pair, now)
	}
	for i := range 100_001 {
		if try(i, wrong) {
			t.Fatal("wrong credentials pass")
		}
	}
	if n := len(throttled.guesses); n != 100_000 {
		t.Errorf("%d numbers of guesses are kept, want 100 000", n)
	}
	if !try(7, right) || try(100_001, right) {
		t.Error("credentials whose guesses are not counted pass, or others do not")
	}
	now = now.Add(15 * time.Minute)
	if !try(100_001, right) || len(throttled.guesses) > 0 {
		t.Error("the guesses are not forgotten")
	}
}
