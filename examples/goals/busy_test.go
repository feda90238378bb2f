package main

import (
	"testing"
	"time"
)

func TestOthers(t *testing.T) {
	before := lookAtProcessors()
	for begun := time.Now(); time.Since(begun) < 50*time.Millisecond; { // of our own
		continue
	}
	now := lookAtProcessors()
	if now.all < before.all || now.busy < before.busy || now.ours <= before.ours {
		t.Errorf("from %+v to %+v", before, now)
	}
	for name, test := range map[string]struct {
		now  processors
		want float64
	}{
		"nothing is known":    {processors{}, 0},
		"all is ours":         {processors{all: 20, busy: 10, ours: 10}, 0},
		"half is of others":   {processors{all: 20, busy: 12, ours: 2}, 0.5},
		"rounded the one way": {processors{all: 20, busy: 9, ours: 10}, 0},
	} {
		if got := test.now.others(processors{}); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
