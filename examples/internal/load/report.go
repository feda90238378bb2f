package load

import (
	"time"
)

// A Report is what came out. Its JSON has the units in the names.
type Report struct {
	Target string `json:"target"`
	// Elapsed is the time that was measured, up to the last answer.
	Elapsed time.Duration `json:"elapsed_ns"`
	// Interrupted says that the context ended before the time or the number of requests was reached.
	Interrupted bool          `json:"interrupted"`
	Groups      []GroupReport `json:"groups"`
	// CPU is what this process used while it measured: the generator, and the server too if it is in this process.
	CPU CPU `json:"cpu"`
	// Problems are the first unexpected answers, a few of each group.
	Problems []string `json:"problems,omitempty"`
}

// A GroupReport is about the clients of one group.
type GroupReport struct {
	Name    string `json:"name"`
	Kind    Kind   `json:"kind"`
	Clients int    `json:"clients"`
	// Requests is how many were sent and have ended, with an answer or without.
	Requests uint64 `json:"requests"`
	// Rate is Requests in a second, until the last of them ended.
	Rate float64 `json:"rate_per_s"`
	// Tokens is how many answers were 200, as they should be.
	Tokens uint64 `json:"tokens"`
	// Latency is about all answers, whatever their status, and about timeouts, which took as long as they waited.
	Latency Latency `json:"latency"`
	// Statuses counts the answers by status.
	Statuses map[int]uint64 `json:"statuses"`
	// Errors counts requests without an answer: by "refused", "reset", "timeout", "closed" and "other".
	Errors map[string]uint64 `json:"errors"`
	// Unexpected is how many answers were not what the server should say: for right credentials anything but a token, or 429
	// or 503, which say that there are too many; for wrong ones anything but 401, 429 and 503.
	Unexpected uint64 `json:"unexpected"`
	// Granted is how many of the unexpected ones were a 200 for wrong credentials.
	Granted uint64 `json:"granted"`
	// Decoded and Verified are how many answers were looked at closely.
	Decoded  uint64 `json:"decoded"`
	Verified uint64 `json:"verified"`
	// Unsent is how many requests of an open loop were due and had not been sent in the end, since all connections waited for an
	// answer. Latency says nothing of them: where there are many, the server did not keep up.
	Unsent uint64 `json:"unsent"`
	// UsersExhausted says that a Cold group stopped, since all its users had logged in.
	UsersExhausted bool `json:"users_exhausted"`
	// AnswerBytes is the mean length of an answer's body.
	AnswerBytes float64 `json:"answer_bytes"`
	// Timeline is how many answers came when.
	Timeline Timeline `json:"timeline"`
}

// Latency is how long answers took: P99 is the time within which 99 of 100 were there. It is exact to a thousandth.
type Latency struct {
	P50  time.Duration `json:"p50_ns"`
	P90  time.Duration `json:"p90_ns"`
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p999_ns"`
	Max  time.Duration `json:"max_ns"`
	// Points are the whole distribution, for a chart.
	Points []Point `json:"points"`
}

// A Point says that a part of the answers, in percent, came within a time.
type Point struct {
	Percent float64       `json:"percent"`
	Within  time.Duration `json:"within_ns"`
}

// A Timeline counts answers in steps of the same length, from the beginning.
type Timeline struct {
	Step   time.Duration `json:"step_ns"`
	Counts []uint64      `json:"counts"`
}

// CPU is processor time.
type CPU struct {
	User   time.Duration `json:"user_ns"`
	System time.Duration `json:"system_ns"`
}

// Progress is how far a run has come.
type Progress struct {
	// Phase is "prepare", "warm up" or "measure".
	Phase string
	// Done is the part of the phase that is over, from 0 to 1.
	Done float64
	// Requests have ended since the measuring began; Unexpected and Errors are among them.
	Requests, Unexpected, Errors uint64
	// Elapsed is the time since the measuring began.
	Elapsed time.Duration
}

// Unexpected is how many answers of all groups were not what the server should say.
func (r *Report) Unexpected() (n uint64) {
	for i := range r.Groups {
		n += r.Groups[i].Unexpected
	}
	return n
}

// Answered is how many requests of all groups were answered.
func (r *Report) Answered() (n uint64) {
	for i := range r.Groups {
		for _, count := range r.Groups[i].Statuses {
			n += count
		}
	}
	return n
}

// Requests is how many requests of all groups have ended.
func (r *Report) Requests() (n uint64) {
	for i := range r.Groups {
		n += r.Groups[i].Requests
	}
	return n
}
