package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/berthpass/registry-auth/examples/internal/loopback"
)

// TestGuess: a guess that is refused is right, in each way there is. Anything else is wrong, a token above all.
func TestGuess(t *testing.T) {
	for _, test := range []struct {
		status                     int
		retryAfter                 string
		refused, throttled, putOff uint64
		wrong                      bool
	}{
		{status: http.StatusUnauthorized, refused: 1},
		{status: http.StatusTooManyRequests, retryAfter: "3", throttled: 1},
		{status: http.StatusServiceUnavailable, retryAfter: "5", putOff: 1},
		{status: http.StatusTooManyRequests, wrong: true},
		{status: http.StatusServiceUnavailable, wrong: true},
		{status: http.StatusOK, retryAfter: "5", wrong: true},
		{status: http.StatusInternalServerError, retryAfter: "5", wrong: true},
	} {
		t.Run(fmt.Sprint(test.status, " ", test.retryAfter), func(t *testing.T) {
			answering := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if test.retryAfter != "" {
					w.Header().Set("Retry-After", test.retryAfter)
				}
				w.WriteHeader(test.status)
			}))
			defer answering.Close()
			l := newLoad(&server{Server: &loopback.Server{URL: answering.URL}, people: newAccounts(1)}, 1)
			defer l.close()
			if err := l.guessers[0].guess(); (err != nil) != test.wrong {
				t.Errorf("the error is %v", err)
			}
			if l.refused.Load() != test.refused || l.throttled.Load() != test.throttled || l.putOff.Load() != test.putOff {
				t.Errorf("counted as %d refused, %d throttled, %d put off", l.refused.Load(), l.throttled.Load(), l.putOff.Load())
			}
		})
	}
}
