package load

import "time"

const (
	firstStep = 10 * time.Millisecond
	mostSteps = 240
)

// A timeline is one of at most mostSteps: when there is no room any more, its steps become twice as long.
type timeline struct{ Timeline }

func newTimeline() timeline {
	return timeline{Timeline{Step: firstStep, Counts: make([]uint64, 0, mostSteps)}}
}

func (t *timeline) add(at time.Duration) {
	for int(at/t.Step) >= mostSteps {
		t.halve()
	}
	i := int(at / t.Step)
	for len(t.Counts) <= i {
		t.Counts = append(t.Counts, 0)
	}
	t.Counts[i]++
}

func (t *timeline) halve() {
	half := t.Counts[:0]
	for i := 0; i < len(t.Counts); i += 2 {
		sum := t.Counts[i]
		if i+1 < len(t.Counts) {
			sum += t.Counts[i+1]
		}
		half = append(half, sum)
	}
	t.Counts = half
	t.Step *= 2
}
