// Package show shows how far a run is and writes its result.
package show

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
)

// Progress writes a line again and again until the function that it returns is called: in place on
// a terminal, and every five seconds elsewhere.
func Progress(w io.Writer, line func() string) (stop func()) {
	every, format := 5*time.Second, "%s\n"
	if file, ok := w.(*os.File); ok && isTerminal(file) {
		every, format = 200*time.Millisecond, "\r\x1b[K%s"
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_, _ = fmt.Fprintf(w, format, line())
			case <-done:
				_, _ = fmt.Fprintf(w, format+"\n", line())
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Line says what the counters of a run show, and what else there is to say.
func Line(begun time.Time, counters *attack.Counters, more string) string {
	elapsed := time.Since(begun)
	requests := counters.Requests.Load()
	return fmt.Sprintf("%5s  %d requests, %.0f/s, %d wrong, %d without an answer  %s",
		elapsed.Round(time.Second), requests, float64(requests)/elapsed.Seconds(),
		counters.Wrong.Load(), counters.Unanswered.Load(), more)
}

// JSON writes a value into a file.
func JSON(name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644) //nolint:gosec // a report is no secret
}

// File creates a file and lets write fill it.
func File(name string, write func(io.Writer) error) error {
	file, err := os.Create(name) //nolint:gosec // the file that was asked for
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}
