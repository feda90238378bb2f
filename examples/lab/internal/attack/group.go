// Package attack lets groups of clients send requests at the same time, judges each answer and
// measures how long it took. The engine is vegeta: it takes 32 µs of processor time for a request
// with 64 clients on a machine with two processors, and 40 µs with 256.
//
// A client sends its next request when the last one is answered. A server that stalls is then asked
// less, and its percentiles look better than they are. In a group with a Rate, requests are due at
// fixed times and their time runs from then.
package attack

import (
	"fmt"
	"net/http"
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

// Describe is the status, with the text of an answer that has no token in it.
func (a Answer) Describe() string {
	const most = 160
	if a.Status == http.StatusOK {
		return fmt.Sprintf("200 with %d bytes", len(a.Body))
	}
	return fmt.Sprintf("%d %q", a.Status, a.Body[:min(len(a.Body), most)])
}

// Busy reports whether the server says that there are too many requests, or too many failures.
func (a Answer) Busy() bool {
	return a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable
}

// A Group is a number of clients that do the same.
type Group struct {
	Name    string
	Clients int // each has one connection and one request at a time
	Rate    int // requests that are due in a second; at 0 a client asks as soon as it is answered
	Limit   int // requests in all; at 0 there is no limit

	// Write sets the n-th request. It is called concurrently.
	Write func(n int, target *Target)
	// Judge says what is wrong with the answer to the n-th request. One goroutine calls it.
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

// Counters say how far a run is.
type Counters struct{ Requests, Wrong, Unanswered atomic.Uint64 }
