package attack

import (
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// A Target is a request: method, URL, header and body.
type Target = vegeta.Target

// An Answer is what came back.
type Answer struct {
	Status   int
	Body     []byte
	MayRetry bool // it has Retry-After
}

// A Group is a number of clients that do the same.
type Group struct {
	Name    string
	Clients int // each has one connection and one request at a time
	Rate    int // requests that are due in a second; at 0 a client asks as soon as it is answered
	Limit   int // requests in all; at 0 there is no limit

	// Write sets the n-th request. It is called concurrently.
	Write func(n int, target *Target)
	// Judge returns what is wrong with the answer to the n-th request. It is called by one goroutine.
	Judge func(n int, answer Answer) error
}

// A Plan says who asks, and for how long.
type Plan struct {
	Groups   []Group
	WarmUp   time.Duration // before anything counts
	Duration time.Duration // after that; requests under way at the end are waited for, and count
	Timeout  time.Duration // of one request; 0 is 10 seconds
	Counters *Counters     // may be nil
}

// Counters say how far a run is. They count the warm-up too.
type Counters struct{ Requests, Wrong, Unanswered atomic.Uint64 }
