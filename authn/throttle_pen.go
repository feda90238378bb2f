package authn

import (
	"context"
	"time"
)

// penRoom is how many refusals are held back at once. Each keeps a goroutine and a connection, 20 to 50 KB.
const penRoom = 1000

// A pen holds refusals back, for a flood comes mostly from clients that wait for an answer before they ask again.
type pen struct {
	least  time.Duration
	places chan struct{}
}

func newPen(least time.Duration) *pen {
	return &pen{least: least, places: make(chan struct{}, penRoom)}
}

// hold waits until the least time after arrived, unless ctx is done before or there is no room.
func (p *pen) hold(ctx context.Context, arrived time.Time) {
	left := p.least - time.Since(arrived)
	if left <= 0 {
		return
	}
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }()
	default:
		return
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
